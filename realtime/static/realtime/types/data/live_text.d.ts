// Made from browser/src by `npm run build`; change it there.
/**
 * Live texts: what writers have added to fields of rows, and the server has not saved yet.
 *
 * A row is shown with the text as far as it is known. What is saved always comes first: text that does not continue it is
 * dropped, and text behind a gap waits for the next save.
 */
export type Row = import("../protocol/messages.js").Row;
export type Added = {
    start: number;
    text: string;
};
/** @typedef {import("../protocol/messages.js").Row} Row */
/** @typedef {{start: number, text: string}} Added text from an offset on, in UTF-16 code units */
export declare class LiveTexts {
    #private;
    /**
     * Adds what a writer has added.
     *
     * @param {string} key
     * @param {string} field
     * @param {number} offset
     * @param {string} text
     */
    add(key: string, field: string, offset: number, text: string): void;
    /** Drops what is beyond the end of a text. @param {string} key @param {string} field @param {number} length */
    end(key: string, field: string, length: number): void;
    /** A part of a text, between two offsets. @param {string} key @param {string} field @param {number} start @param {number} end @returns {string | undefined} undefined: it has not all come */
    read(key: string, field: string, start: number, end: number): string | undefined;
    clear(): void;
    /** Drops the texts of rows that are gone. @param {(key: string) => boolean} isThere */
    keep(isThere: (key: string) => boolean): void;
    /** The row as it is shown. @template {Row | undefined} T @param {string} key @param {T} row as it is saved @returns {T} */
    shown<T extends Row | undefined>(key: string, row: T): T;
}
/** Escapes as Django does. @param {string} text */
export declare const escaped: (text: string) => string;
