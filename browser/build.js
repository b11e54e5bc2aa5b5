/**
 * Builds the committed and served files from src/: the bundled module, its types, and the manifest of the npm package.
 * With --check, fails if any of them differs.
 *
 * The module is one file because storages that hash file names do not rewrite imports inside modules, so that modules of
 * two versions would mix. It is minified, which saves browsers two fifths of the download. Developer tools alone load
 * the source map, and show the sources by it.
 */

import {execFileSync} from "node:child_process"
import {mkdtemp, mkdir, readFile, readdir, rm, writeFile} from "node:fs/promises"
import {tmpdir} from "node:os"
import {basename, dirname, join, posix} from "node:path"
import {fileURLToPath} from "node:url"
import {build} from "esbuild"

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))
const target = path("../realtime/static/realtime/")
/** The declarations that a TypeScript project imports. */
const TYPES = `import realtime from "./types/realtime.js"

export * from "./types/realtime.js"
export {RealtimeError} from "./types/protocol/messages.js"
export type {CallPromise, CallState} from "./types/connection/calls.js"
export type {About, EventListener} from "./types/data/events.js"
export type {CallOptions, LiveList, LiveQuery, LiveValue, Optimistic, Presence, Row} from "./types/data/live_query.js"
export type {Store} from "./types/data/store.js"
export type {Unread} from "./types/data/unread.js"
export type {Params} from "./types/protocol/messages.js"
export type {State} from "./types/protocol/session.js"
export default realtime

declare global {
  interface Window {
    /** The public object of realtime, which {% realtime_script %} makes. */
    realtime: typeof realtime
  }
}
`
const MADE = "// Made from browser/src by `npm run build`; change it there.\n"

/** Returns a bundled module and its source map, by their names. @param {string} entry @returns {Promise<[string, string][]>} */
async function bundled(entry) {
  const {outputFiles} = await build({
    absWorkingDir: path("."),
    entryPoints: [entry],
    outdir: path("."), // so that the paths in the source map begin with src/
    bundle: true,
    minify: true,
    sourcemap: "linked",
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: {js: MADE.trim()},
  })
  return outputFiles.map((file) => [basename(file.path), file.text])
}

/** Returns the declarations that the module needs, by their name in types/. @returns {Promise<Map<string, string>>} */
async function declarations() {
  const directory = await mkdtemp(join(tmpdir(), "realtime-types-"))
  try {
    const tsc = path("node_modules/typescript/bin/tsc")
    execFileSync(process.execPath, [tsc, "--project", path("tsconfig.types.json"), "--outDir", directory], {stdio: "inherit"})
    const found = new Map()
    const waiting = ["realtime.d.ts"]
    for (let name = waiting.pop(); name; name = waiting.pop()) {
      if (found.has(name)) continue
      const text = await readFile(join(directory, name), "utf8")
      found.set(name, text)
      for (const [, other] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)) waiting.push(posix.join(posix.dirname(name), `${other}.d.ts`))
    }
    return found
  } finally {
    await rm(directory, {recursive: true})
  }
}

async function manifest() {
  const [, version] = /** @type {RegExpMatchArray} */ ((await readFile(path("../realtime/__init__.py"), "utf8")).match(/^__version__ = "(.+)"$/m))
  const about = {
    name: "django-live-queries",
    version,
    description: "The JavaScript client of the Django app `realtime`: live queries in a page.",
    license: "BSD-3-Clause",
    type: "module",
    exports: {".": {types: "./realtime.d.ts", default: "./realtime.js"}},
    types: "./realtime.d.ts",
    sideEffects: true,
  }
  return `${JSON.stringify(about, null, 2)}\n`
}

/** Returns all files, by their name in realtime/static/realtime/. @returns {Promise<Map<string, string>>} */
async function made() {
  const files = new Map([
    ...await bundled("src/realtime.js"),
    ...await bundled("src/admin/admin.js"),
    ...await bundled("src/debug.js"),
    ["realtime.d.ts", MADE + TYPES],
    ["package.json", await manifest()],
  ])
  for (const [name, text] of await declarations()) files.set(`types/${name}`, MADE + text)
  return files
}

/** Returns the names of committed files that differ from the built ones, or are no longer built. @param {Map<string, string>} files */
async function differences(files) {
  const types = await readdir(join(target, "types"), {recursive: true}).catch(() => [])
  const names = new Set([...files.keys(), ...types.filter((name) => name.endsWith(".ts")).map((name) => `types/${name}`)])
  const held = await Promise.all([...names].map((name) => readFile(join(target, name), "utf8").catch(() => undefined)))
  return [...names].filter((name, index) => held[index] !== files.get(name))
}

const files = await made()
if (process.argv.includes("--check")) {
  const differing = await differences(files)
  if (differing.length) {
    console.error(`realtime/static/realtime/ differs from browser/src in ${differing.join(", ")}: run \`npm run build\` in browser/ and commit the result.`)
    process.exitCode = 1
  }
} else {
  await rm(join(target, "types"), {recursive: true, force: true})
  for (const [name, text] of files) {
    await mkdir(dirname(join(target, name)), {recursive: true})
    await writeFile(join(target, name), text)
  }
}
