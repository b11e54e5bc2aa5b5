"""The JavaScript client as a package of npm, installed from its tarball: plain Node.js, TypeScript, Vite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, run

TOOLS = ROOT / "browser" / "node_modules"

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(
        shutil.which("npm") is None or not (TOOLS / "vite").exists(), reason="needs npm and its packages"
    ),
]

NODE = """
import realtime, {live, status, RealtimeError, codes} from "django-live-queries"

console.log(status.getSnapshot(), realtime.state, codes.forbidden, new RealtimeError(4214, "No.").name)
try {
  live("tasks")
} catch (error) {
  console.log(error.message)
}
"""

RIGHT = """
import {live, value, call, codes, RealtimeError} from "django-live-queries"
import type {CallPromise, LiveQuery, LiveValue, Params, Row, State} from "django-live-queries"

interface Task {
  id: number
  title: string
}

const params: Params = {project: 7}
const tasks: LiveQuery<Task> = live<Task>("tasks", params)
const titles: string[] = tasks.rows.map((task) => task.title)
tasks.subscribe((rows) => titles.push(rows[0].title))
const {rows}: {readonly rows: readonly Task[]} = tasks.store.getSnapshot()
const optimistic = (seen: readonly Task[]) => [...seen, rows[0]]
const added: CallPromise<{pk: number}> = tasks.call<{pk: number}>("add", {title: "a"}, {optimistic})
tasks.call("rename", {}, {optimistic: (seen) => seen.filter((task) => task.title)})
added.then(({pk}) => pk.toFixed())
const count: LiveValue<number> = value<number>("tasks", params, "count")
const open: number | undefined = count.value
const untyped: LiveQuery = window.realtime.live("tasks")
const row: Row = untyped.rows[0]
const state: State | null = tasks.state
call("tasks", params, "add").catch((error: RealtimeError) => error.code === codes.forbidden)
document.title = `${titles} ${open} ${row.anything} ${state}`
"""

WRONG = """
import {live} from "django-live-queries"

live<{title: string}>("tasks").rows[0].titel
window.realtime.lives("tasks")
"""


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    run("npm", "pack", str(ROOT / "realtime/static/realtime"), "--pack-destination", str(folder), cwd=folder)
    [tarball] = folder.glob("*.tgz")
    return tarball


@pytest.fixture
def project(tarball: Path, tmp_path: Path) -> Path:
    """A project in which the package is installed, and nothing else."""
    (tmp_path / "package.json").write_text(json.dumps({"name": "project", "private": True, "type": "module"}))
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=tmp_path)
    return tmp_path


def tsc(project: Path, source: str) -> str:
    (project / "main.ts").write_text(source)
    options = {"strict": True, "noEmit": True, "module": "esnext", "moduleResolution": "bundler", "target": "es2022"}
    options |= {"lib": ["es2022", "dom", "dom.iterable"], "types": [], "skipLibCheck": False}
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["main.ts"]}))
    return run("node", str(TOOLS / "typescript/bin/tsc"), "--project", "tsconfig.json", cwd=project)


def test_it_can_be_imported_without_a_page(project):
    (project / "main.js").write_text(NODE)
    assert run("node", "main.js", cwd=project).splitlines() == [
        "{ state: null, waiting: 0, held: 0 } null 4214 forbidden",
        "realtime.live() needs a page: call it in the browser, not where a server renders.",
    ]


def test_its_types_know_the_projects_rows(project):
    assert tsc(project, RIGHT) == ""


def test_its_types_name_what_is_wrong(project):
    with pytest.raises(AssertionError) as failed:
        tsc(project, WRONG)
    assert "Property 'titel' does not exist on type '{ title: string; }'" in str(failed.value)
    assert "Property 'lives' does not exist" in str(failed.value)


def test_vite_bundles_it(project):
    (project / "index.html").write_text('<!doctype html><script type="module" src="/main.ts"></script>')
    (project / "main.ts").write_text(RIGHT)
    run("node", str(TOOLS / "vite/bin/vite.js"), "build", "--logLevel", "warn", cwd=project)
    [bundle] = (project / "dist/assets").glob("*.js")
    assert "data-realtime-url" in bundle.read_text()
