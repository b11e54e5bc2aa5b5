// Made from browser/src by `npm run build`; change it there.
/**
 * Live texts: text that writers have added to fields of rows, and that the server has not saved yet.
 *
 * A row is shown with the saved text and the text that continues it. Text that does not continue the saved text is dropped,
 * and text after a gap waits for the next save.
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
     * Adds a part of a text.
     *
     * @param {string} key
     * @param {string} field
     * @param {number} offset
     * @param {string} text
     */
    add(key: string, field: string, offset: number, text: string): void;
    /** Drops the text beyond its final length. @param {string} key @param {string} field @param {number} length */
    end(key: string, field: string, length: number): void;
    /** Returns the text between two offsets; undefined if a part of it is missing. @param {string} key @param {string} field @param {number} start @param {number} end @returns {string | undefined} */
    read(key: string, field: string, start: number, end: number): string | undefined;
    clear(): void;
    /** Drops the texts of removed rows. @param {(key: string) => boolean} isThere */
    keep(isThere: (key: string) => boolean): void;
    /** Returns a row with its live texts. @template {Row | undefined} T @param {string} key @param {T} row the saved one @returns {T} */
    shown<T extends Row | undefined>(key: string, row: T): T;
}
/** Escapes as Django does. @param {string} text */
export declare const escaped: (text: string) => string;
