// Made from browser/src by `npm run build`; change it there.
/**
 * A store: an immutable snapshot, and a notification whenever a new one replaces it.
 *
 * React's useSyncExternalStore(store.subscribe, store.getSnapshot) uses it directly, and so do other libraries.
 */
/** @template Snapshot */
export declare class Store<Snapshot> {
    #private;
    /**
     * @param {() => Snapshot} see returns a new object each time
     * @param {(callback: () => void) => () => void} watch calls the callback whenever something may have changed; returns a function that stops it
     */
    constructor(see: () => Snapshot, watch: (callback: () => void) => () => void);
    /** The snapshot: the same object until one of its values changes. @returns {Readonly<Snapshot>} */
    getSnapshot: () => Readonly<Snapshot>;
    /**
     * Calls back with each new snapshot.
     *
     * @param {(snapshot: Readonly<Snapshot>) => void} callback
     * @returns {() => void} unsubscribes
     */
    subscribe: (callback: (snapshot: Readonly<Snapshot>) => void) => () => void;
}
