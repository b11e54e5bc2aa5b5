"""Cases: many rows change at once, and for a while the page does not answer its reader.

A change is shown in tasks of bounded work. The page's clock goes forward each time it is read, so the work of a task
depends on no machine. `make browser-tasks` reports how long the tasks take on this one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.cases.conftest import Case
from tests.support.waiting import wait_until

TRIES = 5 if os.environ.get("REALTIME_TRACE_TASKS") else 0
PART_ROWS = 50  # as in browser/src/dom/parts.js
PARTS = 3  # of a task, if the clock is read once for each: 12 ms are over at the third

CHANGES = {
    "reversed": "snippets.update(position=0 - models.F('position'))",
    "changed": "snippets.update(html=number)",
    "replaced": """snippets.delete()
    Snippet.objects.bulk_create(Snippet(project_id=pk, html=number, position=n) for n in range(count))""",
}
CLOCK = """() => {
    let now = performance.now()
    performance.now = () => now += 5
}"""
WATCH = """() => {
    window.tasks = []  // the rows that each task has added, moved or changed, and those that it has removed
    const list = document.querySelector("[data-live]")
    const row = (node) => {
        while (node && node.parentNode !== list) node = node.parentNode
        return node
    }
    new MutationObserver((records) => {
        const own = records.filter(({target}) => target === list)
        const inner = records.filter(({target}) => target !== list).map(({target}) => row(target))
        const added = new Set([...inner, ...own.flatMap(({addedNodes}) => [...addedNodes])])
        const removed = new Set(own.flatMap(({removedNodes}) => [...removedNodes]))
        for (const each of added) removed.delete(each)
        const elements = (nodes) => [...nodes].filter((node) => node?.nodeType === 1).length
        window.tasks.push([elements(added), elements(removed)])
    }).observe(list, {childList: true, subtree: true, characterData: true, attributes: true})
}"""
STATE = """() => {
    const {children} = document.querySelector("[data-live]")
    return [children.length, children[0].textContent, children[children.length - 1].textContent]
}"""
IS_SHOWN = f"(wanted) => ({STATE})().every((each, place) => each === wanted[place])"


class Tasks:
    """What the main thread of the pages has done."""

    longest = 0.0  # milliseconds of processor time


@contextmanager
def traced(browser: Browser) -> Iterator[Tasks]:
    session = browser.new_browser_cdp_session()  # type: ignore[attr-defined]  # of Chromium alone
    events: list[dict[str, Any]] = []
    ended: list[bool] = []
    session.on("Tracing.dataCollected", lambda found: events.extend(found["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    session.send("Tracing.start", {"traceConfig": {"includedCategories": ["toplevel"]}})
    tasks = Tasks()
    yield tasks
    session.send("Tracing.end")
    wait_until(lambda: session.send("Target.getTargets") and ended, what="the trace")
    session.detach()
    names = [event for event in events if event["name"] == "thread_name"]
    main = {(event["pid"], event["tid"]) for event in names if event["args"]["name"] == "CrRendererMain"}
    took = [event["tdur"] / 1000 for event in events if "tdur" in event and (event["pid"], event["tid"]) in main]
    assert took
    tasks.longest = max(took)


@pytest.mark.parametrize(("change", "rows"), [*((change, 2000) for change in CHANGES), ("reversed", 5000)])
def test_the_page_did_not_answer_while_many_rows_came(case: Case, browser: Browser, change: str, rows: int) -> None:
    page = case.open(*(f"<li>{number}</li>" for number in range(rows)))
    page.evaluate(WATCH)
    for number in range(TRIES):
        with traced(browser) as tasks:
            _change(case, page, change, rows, number)
        print(f"\n{change}, {rows} rows: the longest task took {tasks.longest:.0f} ms of the processor")
    page.evaluate(CLOCK)
    page.evaluate("tasks.length = 0")
    _change(case, page, change, rows, TRIES)
    added, removed = zip(*page.evaluate("tasks"), strict=True)
    assert max(*added, *removed) <= PARTS * PART_ROWS
    assert sum(added) == (rows - 1 if change == "reversed" else rows)
    assert sum(removed) == (rows if change == "replaced" else 0)


def _change(case: Case, page: Page, change: str, rows: int, number: int) -> None:
    """Make the change, and wait until the page shows all of it."""
    count, first, last = page.evaluate(STATE)
    new = f"new {number}"
    case.write(CHANGES[change], number=f"<li>{new}</li>", count=rows)
    page.wait_for_function(IS_SHOWN, arg=[count, last, first] if change == "reversed" else [count, new, new])
