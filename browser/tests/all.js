/**
 * Runs the test files that are named, or all, in one process: loading jsdom takes a second, which `node --test` would
 * spend on each file. A file's tests and hooks are in a suite of its own, and the globals that it sets end with it.
 */

import {readdirSync} from "node:fs"
import {basename} from "node:path"
import {after, describe} from "node:test"

const FOLDER = new URL("./", import.meta.url)
const TIMEOUT = 120_000 // milliseconds
const globals = Object.getOwnPropertyDescriptors(globalThis)

function restoreGlobals() {
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!Object.hasOwn(globals, name)) delete globalThis[name]
  }
  for (const [name, was] of Object.entries(globals)) {
    const is = Object.getOwnPropertyDescriptor(globalThis, name)
    // Defining them all would replace those that Node.js loads when they are first used.
    if (is?.value !== was.value || is?.get !== was.get) Object.defineProperty(globalThis, name, was)
  }
}

const named = process.argv.slice(2).map((path) => basename(path))
const files = named.length ? named : readdirSync(FOLDER).filter((name) => name.endsWith(".test.js"))
for (const file of files) {
  describe(file, {timeout: TIMEOUT}, async () => {
    after(restoreGlobals)
    await import(new URL(file, FOLDER))
  })
}
