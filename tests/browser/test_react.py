"""The virtual list of the docs, in React: of ten thousand rows it shows those in view, as a fresh query has them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.board import Board
from tests.docs.pages import ROOT, blocks
from tests.support.waiting import wait_until

ROWS = 10_000
HEIGHT = 24
BEFORE = """
import {useEffect, useRef, useSyncExternalStore} from "react"
import {createRoot} from "react-dom/client"
"""
AFTER = """
window.start = (project) => {
    window.list = realtime.list("paged", {project})
    createRoot(document.body.appendChild(document.createElement("main"))).render(<LongList list={list} />)
}
"""
FILL = """
Task.objects.filter(project=pk).delete()
Task.objects.bulk_create([Task(project_id=pk, title=f"Task {number:05}") for number in range(rows)]) and None
"""
# What is shown: the place of the first row, the titles, the number of all rows, and which places are in view.
SHOWN = """() => {
    const box = document.querySelector("main > div"), list = box.firstElementChild
    const height = (name) => Math.round(parseFloat(getComputedStyle(list)[name]) / 24)
    const [first, last] = [box.scrollTop / 24, (box.scrollTop + box.clientHeight) / 24]
    const view = [Math.floor(first), Math.min(height("height"), Math.ceil(last))]
    const titles = Array.from(list.children, (row) => row.textContent)
    return {start: height("paddingTop"), titles, total: height("height"), view}
}"""


@pytest.fixture(scope="module")
def script() -> str:
    """React, the component of the docs and the code that renders it, as one script."""
    [component] = [block.text for block in blocks("guides/react-and-vue") if "function LongList" in block.text]
    command = ["node_modules/.bin/esbuild", "--bundle", "--format=iife", "--loader=jsx", "--jsx=automatic"]
    define = ['--define:process.env.NODE_ENV="production"', "--log-level=error"]
    done = subprocess.run(
        [*command, *define],
        input=BEFORE + component + AFTER,
        cwd=ROOT / "browser",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until_fresh(page: Page, board: Board) -> dict[str, Any]:
    """Wait until the list shows what a fresh query has at its places, and all places in view."""
    last: dict[str, Any] = {}

    def is_fresh() -> bool:
        sql = "SELECT title FROM board_task WHERE project_id = ? ORDER BY title, id"
        fresh = [title for (title,) in board.server.query(sql, board.pk)]
        last.update(page.evaluate(SHOWN), expected=len(fresh))
        start, titles, (first, end) = last["start"], last["titles"], last["view"]
        covers = start <= first and end <= start + len(titles)
        return covers and last["total"] == len(fresh) and titles == fresh[start : start + len(titles)]

    try:
        wait_until(is_fresh, what="the list to equal a fresh query")
    except AssertionError as error:
        raise AssertionError(f"{error}: {json.dumps(last)[:2000]}") from None
    return last


def scroll(page: Page, place: int) -> None:
    page.locator("main > div").evaluate("(box, top) => { box.scrollTop = top }", place * HEIGHT)


def test_the_list_equals_a_fresh_query_wherever_it_is_scrolled(
    board: Board, open_body: Callable[..., Page], script: str
) -> None:
    board.write(FILL, rows=ROWS)
    page = open_body("", live=False)
    wait_until(lambda: page.evaluate("Boolean(window.realtime)"), what="the script")
    page.evaluate(script)
    page.evaluate("(project) => window.start(project)", board.pk)
    assert wait_until_fresh(page, board)["titles"][0] == "Task 00000"

    scroll(page, ROWS // 2)
    shown = wait_until_fresh(page, board)
    assert (shown["start"], len(shown["titles"]) < 60) == (5000, True)

    def write(code: str, *there: str, gone: str = "") -> None:
        board.write(code)
        found = wait_until_fresh(page, board)["titles"]
        assert [title in found for title in there] == [True] * len(there)
        assert gone not in found

    write("tasks.filter(title='Task 05005').update(title='Task 05005, renamed')", "Task 05005, renamed")
    write("Task.objects.create(project_id=pk, title='Task 05006, new').pk", "Task 05006", "Task 05006, new")
    write("tasks.filter(title='Task 05007').delete()", "Task 05008", gone="Task 05007")
    write("tasks.filter(title='Task 05008').update(title='Task 99999')", "Task 05009", gone="Task 05008")
    write("Task.objects.create(project_id=pk, title='Before').pk", "Task 05004")  # all places move by one
    write("tasks.filter(title__lt='Task 00020').delete()", "Task 05030", gone="Task 05004")
    write("tasks.filter(title='Task 09000').update(title='Task 09000, renamed')", "Task 05030")
    scroll(page, ROWS)
    assert wait_until_fresh(page, board)["titles"][-1] == "Task 99999"
    write("tasks.filter(title__gte='Task 05000').delete()", "Task 04999")  # the list ends before the place in view
    page.evaluate("window.list.close()")
