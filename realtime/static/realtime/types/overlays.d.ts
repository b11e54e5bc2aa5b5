// Made from browser/src by `npm run build`; change it there.
/**
 * What calls under way are expected to do, laid over what the server says. The server's rows are never touched: when
 * they change, the overlays are laid over them anew, so that whatever else happens to a row meanwhile is kept.
 */
export type Expectation = (rows: any) => any;
/**
 * Takes rows and returns what they are expected to become; neither the array nor a row may be changed.
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
    /** The effects of these calls come with the next commit. @param {Iterable<string>} ids */
    arrive(ids: Iterable<string>): void;
    /** The server's rows speak for themselves now. @returns {boolean} whether that ends an overlay */
    settle(): boolean;
    /**
     * The rows under all overlays, in the order of the calls.
     *
     * @template T
     * @param {readonly T[]} rows
     * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
     *   strict: the call whose failure is thrown; of an older one, which may not know what has come since, it is left out.
     * @returns {readonly T[]}
     */
    show<T>(rows: readonly T[], { strict, apply }?: {
        strict?: string;
        apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[];
    }): readonly T[];
}
