// Made from browser/src by `npm run build`; change it there.
/**
 * Those who listen to events, by name.
 */
export type About = {
    name: string;
    sender: string | null | undefined;
};
export type EventListener = (data: any, about: About) => void;
/**
 * `sender`: the key of the user who sent it, `null` for a visitor, undefined where the server did.
 *
 * @typedef {{name: string, sender: string | null | undefined}} About
 * @typedef {(data: any, about: About) => void} EventListener
 */
export declare class EventListeners {
    #private;
    /** Those who want every event. @type {Set<EventListener>} */
    all: Set<EventListener>;
    /** @param {string} name @param {EventListener} callback @returns {() => void} ends it */
    on(name: string, callback: EventListener): () => void;
    /** @param {string} name @returns {EventListener[]} */
    of(name: string): EventListener[];
}
