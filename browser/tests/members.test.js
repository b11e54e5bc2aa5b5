import assert from "node:assert/strict"
import {test} from "node:test"
import {fileURLToPath} from "node:url"
import {isPropertyAccessExpression} from "typescript/unstable/ast/is"
import {API} from "typescript/unstable/sync"

/** What a form, or a document, may be called by its type. Their fields, forms and images shadow their members. */
const SHADOWED = new Set(["Node", "ChildNode", "ParentNode", "Element", "HTMLElement", "HTMLFormElement", "Document"])
/** In Django's admin, only forms have names that the project chooses. */
const SHADOWED_IN_ADMIN = new Set(["HTMLFormElement"])
const BROWSER = fileURLToPath(new URL("..", import.meta.url))

/** Returns what reads a member by its name alone, as "file:line: text". @param {any} file @param {any} checker @param {Set<string>} shadowed */
function accesses(file, checker, shadowed) {
  const found = []
  const visit = (node) => {
    if (isPropertyAccessExpression(node)) found.push(node)
    node.forEachChild(visit)
  }
  visit(file)
  const types = checker.getTypeAtLocation(found.map(({expression}) => expression))
  return found.flatMap((node, index) => {
    const type = types[index] ? checker.typeToString(types[index]) : ""
    const names = type.endsWith("[]") ? [] : type.split(/[|&]/).map((each) => each.replace(/[() ]/g, ""))
    const [object, name] = [file.text.slice(node.expression.getStart(), node.expression.end), node.name.text]
    // a document's location cannot be shadowed
    if (!names.some((each) => shadowed.has(each)) || object.endsWith(".prototype") || name === "location") return []
    return [`${file.fileName.slice(BROWSER.length)}:${file.text.slice(0, node.end).split("\n").length}: ${object}.${name}`]
  })
}

test("members of nodes that names can shadow are read through get, set and call", () => {
  const api = new API({cwd: BROWSER})
  try {
    const [{program, checker}] = api.updateSnapshot({openProjects: [`${BROWSER}tsconfig.json`]}).getProjects()
    const names = program.getSourceFileNames().filter((name) => name.startsWith(`${BROWSER}src/`))
    assert.ok(names.length > 50)
    const found = names.flatMap((name) => accesses(program.getSourceFile(name), checker, name.includes("/admin/") ? SHADOWED_IN_ADMIN : SHADOWED))
    assert.deepEqual(found, [])
  } finally {
    api.close()
  }
})
