/**
 * Patches: the differences between two versions of a row, applied to the version that the server sent last.
 */

import {escaped} from "./live_text.js"

/** @typedef {import("../protocol/messages.js").Row} Row */
/** @typedef {import("../protocol/messages.js").Edits} Edits */

/** Returns a part of the live text of a field; undefined if it is missing. @typedef {(field: string, start: number, end: number) => string | undefined} ReadText */

/**
 * @param {Row | undefined} row
 * @param {import("../protocol/messages.js").Patch} patch
 * @param {ReadText} [read]
 * @returns {Row | undefined} undefined: the patch does not fit
 */
export function patched(row, patch, read = () => undefined) {
  if (Array.isArray(patch)) {
    return edited(row, patch, (...place) => {
      const text = read(...place)
      return text === undefined ? undefined : escaped(text)
    })
  }
  if (typeof row !== "object" || row === null) return undefined
  const fields = /** @type {Record<string, any>} */ (row)
  const texts = Object.entries(patch.edit ?? {}).map(([name, edits]) => /** @type {const} */ ([name, edited(fields[name], edits, read)]))
  return texts.some(([, text]) => text === undefined) ? undefined : {...fields, ...patch.set, ...Object.fromEntries(texts)}
}

/** @param {unknown} text @param {Edits} edits @param {ReadText} read @returns {string | undefined} */
function edited(text, [sum, ...edits], read) {
  if (typeof text !== "string") return undefined
  let result = ""
  let at = 0
  for (let index = 0; index < edits.length; index += 3) {
    const [skip, remove, insert] = /** @type {[number, number, import("../protocol/messages.js").Insert]} */ (edits.slice(index, index + 3))
    const inserted = typeof insert === "string" ? insert : read(...insert)
    if (inserted === undefined) return undefined
    result += text.slice(at, at + skip) + inserted
    at += skip + remove
  }
  result += text.slice(at)
  return at <= text.length && crc32(result) === sum ? result : undefined
}

/** The CRC table: the remainder of each byte. */
const TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  return rest
})
const encoder = new TextEncoder()

/** Returns the CRC-32 of a text in UTF-8, like zlib.crc32. @param {string} text */
function crc32(text) {
  let sum = -1
  for (const byte of encoder.encode(text)) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8)
  return ~sum >>> 0
}
