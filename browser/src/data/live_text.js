/**
 * Live texts: text that writers have added to fields of rows, and that the server has not saved yet.
 *
 * A row is shown with the saved text and the text that continues it. Text that does not continue the saved text is dropped,
 * and text after a gap waits for the next save.
 */

/** @typedef {import("../protocol/messages.js").Row} Row */
/** @typedef {{start: number, text: string}} Added text from an offset on, in UTF-16 code units */

export class LiveTexts {
  /** The added texts, by the row's key and the field. @type {Map<string, Map<string, Added>>} */
  #rows = new Map()

  /**
   * Adds a part of a text.
   *
   * @param {string} key
   * @param {string} field
   * @param {number} offset
   * @param {string} text
   */
  add(key, field, offset, text) {
    const fields = this.#rows.get(key) ?? new Map()
    this.#rows.set(key, fields)
    const held = fields.get(field)
    const continues = held && held.start <= offset && offset <= held.start + held.text.length
    fields.set(field, continues ? {start: held.start, text: held.text.slice(0, offset - held.start) + text} : {start: offset, text})
  }

  /** Drops the text beyond its final length. @param {string} key @param {string} field @param {number} length */
  end(key, field, length) {
    const held = this.#rows.get(key)?.get(field)
    if (held && length < held.start + held.text.length) this.#set(key, field, held.start, held.text.slice(0, Math.max(0, length - held.start)))
  }

  /** Returns the text between two offsets; undefined if a part of it is missing. @param {string} key @param {string} field @param {number} start @param {number} end @returns {string | undefined} */
  read(key, field, start, end) {
    const held = this.#rows.get(key)?.get(field)
    if (!held || start < held.start || end < start || end > held.start + held.text.length) return undefined
    return held.text.slice(start - held.start, end - held.start)
  }

  clear() {
    this.#rows.clear()
  }

  /** Drops the texts of removed rows. @param {(key: string) => boolean} isThere */
  keep(isThere) {
    for (const key of this.#rows.keys()) if (!isThere(key)) this.#rows.delete(key)
  }

  /** Returns a row with its live texts. @template {Row | undefined} T @param {string} key @param {T} row the saved one @returns {T} */
  shown(key, row) {
    const fields = this.#rows.get(key)
    if (!fields) return row
    for (const field of [...fields.keys()]) row = /** @type {any} */ (this.#shown(key, field, row))
    return row
  }

  /** @param {string} key @param {string} field @param {Row | undefined} row */
  #shown(key, field, row) {
    if (typeof row === "string") return this.#inHTML(key, field, row)
    const saved = row && typeof row === "object" ? /** @type {any} */ (row)[field] : undefined
    if (typeof saved !== "string") return this.#drop(key, field, row)
    const text = this.#joined(key, field, saved)
    return text === saved ? row : {.../** @type {object} */ (row), [field]: text}
  }

  /** @param {string} key @param {string} field @param {string} html */
  #inHTML(key, field, html) {
    const element = new RegExp(`(<[a-zA-Z][^<>]*\\sdata-live-text="${field}"[^<>]*>)([^<]*)(?=</)`, "g")
    if (!element.test(html)) return this.#drop(key, field, html)
    return html.replace(element, (whole, tag, content) => {
      const saved = unescaped(content)
      const text = this.#joined(key, field, saved)
      return text === saved ? whole : tag + escaped(text)
    })
  }

  /** Returns the saved text, and the text that continues it. @param {string} key @param {string} field @param {string} saved */
  #joined(key, field, saved) {
    const held = this.#rows.get(key)?.get(field)
    if (!held || saved.length < held.start) return saved
    const rest = saved.slice(held.start)
    if (rest.length < held.text.length && held.text.startsWith(rest)) return saved.slice(0, held.start) + held.text
    return this.#drop(key, field, saved)
  }

  /**
   * Drops a text, for example because the row no longer shows it. When it does again, another text may be written.
   *
   * @template T
   * @param {string} key
   * @param {string} field
   * @param {T} shown
   * @returns {T} what is shown without it
   */
  #drop(key, field, shown) {
    this.#rows.get(key)?.delete(field)
    return shown
  }

  /** @param {string} key @param {string} field @param {number} start @param {string} text */
  #set(key, field, start, text) {
    if (text) this.#rows.get(key)?.set(field, {start, text})
    else this.#rows.get(key)?.delete(field)
  }
}

/** Django's escapes. @type {Record<string, string>} */
const ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
/** The escapes of Django and of browsers. @type {Record<string, string>} */
const CHARACTERS = {...Object.fromEntries(Object.entries(ENTITIES).map(([character, entity]) => [entity, character])), "&#39;": "'", "&nbsp;": "\u00a0"}

/** Escapes as Django does. @param {string} text */
export const escaped = (text) => text.replace(/[&<>"']/g, (character) => ENTITIES[character])

/** @param {string} html */
const unescaped = (html) => html.replace(/&(?:amp|lt|gt|quot|nbsp|#x27|#39);/g, (entity) => CHARACTERS[entity])
