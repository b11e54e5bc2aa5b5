"""A careful site: static files with hashed names for ever, a strict policy for scripts, and text that is no markup."""

from __future__ import annotations

import gzip
import re
from urllib.parse import urljoin

from playwright.sync_api import Page, expect

from tests.browser.board import Board, titles, wait_until_equal
from tests.browser.desk import Desk

NASTY = """<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">"'</li>&amp;`${1}`"""
MOST_BYTES = 42_000  # compressed, on the first visit


def test_one_module_with_a_hashed_name_is_all_that_is_loaded(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")  # with an empty cache
    asked: list[tuple[str, int]] = []
    page.on("response", lambda response: asked.append((response.url, response.status)))
    desk.open_live("ada", board.path, page=page)

    [(module, status)] = [(url, status) for url, status in asked if "/static/realtime/" in url]
    assert re.search(r"/static/realtime/realtime\.[0-9a-f]{12}\.js$", module)
    assert status == 200
    assert page.request.get("/static/realtime/realtime.js").status == 404


def test_module_is_small_and_names_its_sources_by_a_hashed_name(board: Board, desk: Desk) -> None:
    page = desk.open_live("ada", board.path)
    [module] = page.locator("script[src*='/realtime/realtime.']").evaluate_all("all => all.map(({src}) => src)")
    text = page.request.get(module).text()
    assert len(gzip.compress(text.encode())) < MOST_BYTES

    name = re.search(r"^//# sourceMappingURL=(realtime\.js\.[0-9a-f]{12}\.map)$", text, re.MULTILINE)
    sources = page.request.get(urljoin(module, name[1])).json()
    assert "src/realtime.js" in sources["sources"]
    assert all(sources["sourcesContent"])


def test_module_comes_from_the_cache_on_the_next_page(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")
    desk.open_live("ada", board.path, page=page)
    desk.open_live("ada", "/board/1/", page=page)

    size = """performance.getEntriesByType("resource").find(({name}) => name.includes("/realtime/")).transferSize"""
    assert page.evaluate(size) == 0


def test_policy_without_inline_scripts_holds(board: Board, desk: Desk) -> None:
    policies = [
        (board.path, "default-src 'self'; script-src 'self'; object-src 'none'"),
        (board.page('{% live "notes" project=PK %}'), "default-src 'self'; script-src 'nonce-"),
    ]
    for path, policy in policies:
        page = desk.blank("ada")
        answer = page.goto(path)
        assert answer.header_value("content-security-policy").startswith(policy)
        page.wait_for_selector("html[data-realtime=live]")
    # that nothing was stopped is asserted of every test here, by `desk`
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None
    assert len(desk.errors) == 1
    desk.errors.clear()


def test_title_with_markup_stays_text_in_rows_and_in_data(ada: Page, ben: Page, board: Board) -> None:
    ada.get_by_label("New task in To do").fill(NASTY)
    ada.get_by_label("New task in To do").press("Enter")
    for page in (ada, ben):
        expect(titles(page, "todo").last).to_have_text(NASTY)
    board.write("task = tasks.get(title=title); task.title = task.title[::-1]; task.save()", title=NASTY)
    for page in (ada, ben):
        expect(titles(page, "todo").last).to_have_text(NASTY[::-1])
        assert page.evaluate("window.hacked") is None
    titles_in_data = """async (project) => {
        const rows = await new Promise((done) => window.realtime.live("tasks", {project}).subscribe(done))
        return rows.map(({title}) => title)
    }"""

    assert NASTY[::-1] in ada.evaluate(titles_in_data, board.pk)
    wait_until_equal(ada, ben)
