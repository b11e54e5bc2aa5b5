// Made from browser/src by `npm run build`; change it there.
/**
 * Event listeners, by the event's name.
 */
export type About = {
    name: string;
    sender: string | null | undefined;
};
export type EventListener = (data: any, about: About) => void;
/**
 * `sender`: the key of the user who sent it, `null` for an anonymous user, undefined if the server sent it.
 *
 * @typedef {{name: string, sender: string | null | undefined}} About
 * @typedef {(data: any, about: About) => void} EventListener
 */
export declare class EventListeners {
    #private;
    /** Listeners for all events. @type {Set<EventListener>} */
    all: Set<EventListener>;
    /** @param {string} name @param {EventListener} callback @returns {() => void} removes the listener */
    on(name: string, callback: EventListener): () => void;
    /** @param {string} name @returns {EventListener[]} */
    of(name: string): EventListener[];
}
