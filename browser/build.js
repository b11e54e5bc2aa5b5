/**
 * Joins src/ into the files that are committed and served; with --check, fails when they differ from it.
 *
 * One file for a page, because a storage that hashes names leaves the imports inside a module alone, and modules of two versions would mix.
 */

import {readFile, writeFile} from "node:fs/promises"
import {fileURLToPath} from "node:url"
import {build} from "esbuild"

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))
const files = {
  "src/realtime.js": "realtime.js",
  "src/admin/admin.js": "admin.js",
}

for (const [entry, name] of Object.entries(files)) {
  const target = path(`../realtime/static/realtime/${name}`)
  const result = await build({
    absWorkingDir: path("."),
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: {js: "// Made from browser/src by `npm run build`; change it there."},
  })
  const built = result.outputFiles[0].text

  if (process.argv.includes("--check")) {
    const committed = await readFile(target, "utf8").catch(() => "")
    if (committed !== built) {
      console.error(`realtime/static/realtime/${name} differs from browser/src: run \`npm run build\` in browser/ and commit the result.`)
      process.exitCode = 1
    }
  } else {
    await writeFile(target, built)
  }
}
