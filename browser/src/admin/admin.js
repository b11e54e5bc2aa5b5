/**
 * The script of a LiveModelAdmin's pages: starts a change list or a change form.
 */

import {parsePage} from "../dom/html.js"
import {watchFields} from "../dom/morph.js"
import {ChangeForm} from "./changeform.js"
import {ChangeList} from "./changelist.js"
import {aboutOf, container} from "./page.js"
import {ListStatus} from "./status.js"

const about = aboutOf(document)
// the page as loaded: the admin's own scripts start when it is complete
const source = parsePage(document.documentElement.outerHTML)
const {realtime} = /** @type {any} */ (window)

if (about?.kind === "list" && about.paused) {
  new ListStatus({document, about}).paused()
} else if (about?.kind === "list") {
  const status = new ListStatus({document, about})
  watchFields(document)
  follow(about, new ChangeList({document, source, about, status}))
  document.addEventListener("realtime:state", () => status.show(realtime.state))
} else if (about) {
  const form = new ChangeForm({document, source, about})
  follow(about, form)
  form.showOthers(realtime, about)
}

/** @param {import("./page.js").About} about @param {{changed: () => void, refused: () => void}} page */
function follow(about, page) {
  const watched = container(document, about)
  watched.addEventListener("realtime:change", () => page.changed())
  watched.addEventListener("realtime:error", () => page.refused())
  document.body.append(watched)
}
