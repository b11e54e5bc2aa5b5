// Made from browser/src by `npm run build`; change it there.
/**
 * A store: what is seen, as an object that never changes, and a call whenever another one takes its place.
 *
 * React's useSyncExternalStore(store.subscribe, store.getSnapshot) takes it as it is, and so do the stores of others.
 */
/** @template Snapshot */
export declare class Store<Snapshot> {
    #private;
    /**
     * @param {() => Snapshot} see an object, made anew each time
     * @param {(callback: () => void) => () => void} watch calls back whenever something may have changed; returns what ends it
     */
    constructor(see: () => Snapshot, watch: (callback: () => void) => () => void);
    /** What is seen: the same object as long as all in it is the same. @returns {Readonly<Snapshot>} */
    getSnapshot: () => Readonly<Snapshot>;
    /**
     * Calls back when what is seen has changed.
     *
     * @param {(snapshot: Readonly<Snapshot>) => void} callback
     * @returns {() => void} ends it
     */
    subscribe: (callback: (snapshot: Readonly<Snapshot>) => void) => () => void;
}
