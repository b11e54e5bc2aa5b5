// Made from browser/src by `npm run build`; change it there.
/**
 * The expected effects of pending calls, as overlays over the server's rows. The server's rows are never modified. When they
 * change, the overlays are applied again, so that no other change of a row is lost.
 */
export type Expectation = (rows: any) => any;
/**
 * Takes rows and returns the expected rows. It must not modify the array or a row.
 *
 * @typedef {(rows: any) => any} Expectation
 */
export declare class Overlays {
    #private;
    get size(): number;
    /** @param {string} id @param {Expectation} expect */
    add(id: string, expect: Expectation): void;
    /** @param {string} id @returns {boolean} whether there was one */
    drop(id: string): boolean;
    clear(): void;
    /** Notes that the effects of these calls arrive with the next commit. @param {Iterable<string>} ids */
    arrive(ids: Iterable<string>): void;
    /** Removes the overlays whose effects have arrived. @returns {boolean} whether there were any */
    settle(): boolean;
    /**
     * Applies all overlays to the rows, in the order of the calls.
     *
     * @template T
     * @param {readonly T[]} rows
     * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
     *   strict: the call whose exception is thrown; other overlays, which may not fit newer rows, are skipped if they throw.
     * @returns {readonly T[]}
     */
    show<T>(rows: readonly T[], { strict, apply }?: {
        strict?: string;
        apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[];
    }): readonly T[];
}
