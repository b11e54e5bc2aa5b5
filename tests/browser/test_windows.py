"""Lists that show one page, or more when asked: in place where the script runs, else as plain links."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk
from tests.support.waiting import wait_until

PAGES = """
<form data-live-for="paged" action="/page/">
  <input type="search" name="q" aria-label="Search" value="{{ request.GET.q }}">
</form>
{% live "paged" project=PK q=request.GET.q page=request.GET.page container="ul" %}
{% live_pages "paged" %}"""
MORE = '{% live "paged" project=PK more=True container="ul" %}'
MARKUPS = {
    "container": MORE,
    "in place": '{% include "site/paged_in_place.html" with project=PK %}',
    "beside others": '{% include "site/paged_in_place.html" with project=PK heading=True %}',
}
UP = '<div id="log" data-live-autoload="off">{% live "paged" project=PK more="up" container="ul" %}</div>'
FILL = """
for task in Task.objects.filter(project=pk):
    task.delete()
Task.objects.bulk_create([Task(project_id=pk, title=title) for title in titles]) and None
"""
SMALL = "(log) => Object.assign(log.style, {height: '150px', overflow: 'auto'})"
# The titles of the same page as the server renders it now.
FRESH = """async () => {
    const answer = await fetch(location.href, {cache: "no-store"})
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
    return Array.from(fresh.querySelectorAll("ul > [data-live-key] b")).map((title) => title.textContent)
}"""
# Where the first visible row stands in the log.
SEEN = """(log) => {
    const edge = log.getBoundingClientRect().top
    const rows = Array.from(log.querySelectorAll("[data-live-key]"))
    const row = rows.find((row) => row.getBoundingClientRect().bottom > edge)
    return [row.querySelector("b").textContent, Math.round(row.getBoundingClientRect().top - edge)]
}"""


def titles(*numbers: int) -> list[str]:
    return [f"Task {number:03}" for number in range(*numbers)]


@pytest.fixture
def fill(board: Board) -> Callable[[int], None]:
    def fill(rows: int) -> None:
        board.write(FILL, titles=titles(rows))

    return fill


def rows(page: Page) -> Locator:
    return page.locator("ul > [data-live-key] b")


def asked(page: Page) -> dict[str, str]:
    """The parameters in the page's address, but for its markup."""
    found = parse_qs(page.evaluate("location.search.slice(1)"))
    return {name: value for name, [value] in found.items() if name != "body"}


def test_pages_change_in_place_and_their_number_follows(
    open_body: Callable[..., Page], board: Board, fill: Callable[[int], None]
) -> None:
    fill(25)
    page = open_body(PAGES)
    page.evaluate("window.same = true")
    links = page.get_by_role("navigation")
    expect(rows(page)).to_have_text(titles(10))
    links.get_by_role("link", name="3", exact=True).click()
    expect(rows(page)).to_have_text(titles(20, 25))
    assert asked(page) == {"page": "3"}
    expect(links.locator("[aria-current=page]")).to_have_text("3")
    board.write(
        "Task.objects.bulk_create([Task(project_id=pk, title=title) for title in titles]) and None",
        titles=titles(25, 31),
    )
    links.get_by_role("link", name="Next").click()
    expect(rows(page)).to_have_text(titles(30, 31))
    board.write("Task.objects.filter(project=pk, title__gte='Task 020').delete()")
    expect(rows(page)).to_have_text(titles(10, 20))  # the last page, as Django's paginator says
    expect(links.locator("[aria-current=page]")).to_have_text("2")
    page.go_back()
    expect(rows(page)).to_have_text(titles(10, 20))
    page.get_by_label("Search").press_sequentially("Task 01")
    expect(rows(page)).to_have_text(titles(10, 20))
    expect(links.locator("[aria-current=page]")).to_have_text("1")
    assert asked(page) == {"q": "Task 01"}
    assert page.evaluate("window.same")
    links.get_by_role("link", name="1", exact=True).hover()
    address = links.get_by_role("link", name="1", exact=True).get_attribute("href") or ""
    assert parse_qs(address.removeprefix("?")).keys() == {"body", "q", "page"}


CLICK_TWICE = """(name) => {
    const link = [...document.querySelectorAll("nav a")].find((each) => each.textContent === name)
    link.click()
    link.click()
}"""


def test_two_clicks_lead_two_pages_on_before_any_answer(
    open_body: Callable[..., Page], fill: Callable[[int], None]
) -> None:
    fill(45)
    page = open_body(PAGES)
    for name, number in [("Next", 3), ("Next", 5), ("Previous", 3)]:
        page.evaluate(CLICK_TWICE, name)
        expect(rows(page)).to_have_text(titles(10 * number - 10, min(10 * number, 45)))
        expect(page.locator("[aria-current=page]")).to_have_text(str(number))
        assert asked(page) == {"page": str(number)}


@pytest.mark.excused(firefox="its driver leaves scripts on")
def test_pages_are_links_without_the_script(desk: Desk, board: Board, fill: Callable[[int], None]) -> None:
    fill(25)
    page = desk.alone("ada", java_script_enabled=False)
    page.goto(board.page(PAGES) + "&q=Task")
    page.get_by_role("link", name="Next").click()
    expect(rows(page)).to_have_text(titles(10, 20))
    page.goto(board.page(MORE) + "&q=Task")
    page.get_by_role("link", name="Show more").click()
    expect(rows(page)).to_have_text(titles(20))
    page.get_by_role("link", name="Show more").click()
    expect(rows(page)).to_have_text(titles(25))
    expect(page.get_by_role("link", name="Show more")).to_be_hidden()


@pytest.mark.parametrize("markup", MARKUPS.values(), ids=MARKUPS)
def test_more_rows_come_when_asked_while_others_write(
    open_body: Callable[..., Page], board: Board, fill: Callable[[int], None], markup: str
) -> None:
    fill(65)
    page = open_body(f'<div data-live-autoload="off">{markup}</div>')
    more = page.get_by_role("link", name="Show more")
    dice = random.Random(3)
    shown = 10
    while shown < 60:
        board.write(
            WRITE,
            title=f"Task {dice.randrange(65):03}.5",
            gone=f"Task {dice.randrange(65):03}",
            moved=f"Task {dice.randrange(65):03}",
        )
        more.click()
        shown += 10
        expect(rows(page)).to_have_count(shown)
        wait_until(lambda: rows(page).all_text_contents() == page.evaluate(FRESH), what="the rows of a fresh query")
    assert asked(page) == {"more": "6"}

    def windows() -> list[str]:
        queries = page.request.get("/queries/").json()
        return [params for stream, params in queries if stream == "paged" and f'"project":{board.pk}' in params]

    wait_until(lambda: len(windows()) <= 4, what="the end of live queries without subscribers")
    page.reload()
    assert rows(page).count() == 60


WRITE = """
Task.objects.create(project_id=pk, title=title)
Task.objects.filter(project=pk, title=gone).delete()
Task.objects.filter(project=pk, title=moved).update(title="Task 000.1")
"""


@pytest.mark.excused(firefox="its driver leaves scripts on")
@pytest.mark.parametrize(("body", "name"), [(MORE, "Show more"), (UP, "Show earlier")], ids=["down", "up"])
def test_link_to_more_is_there_exactly_while_there_is_more(
    open_body: Callable[..., Page], desk: Desk, board: Board, fill: Callable[[int], None], body: str, name: str
) -> None:
    fill(10)
    body = f'<div data-live-autoload="off">{body}</div>'
    page = open_body(body)
    alone = desk.alone("ada", java_script_enabled=False)
    link, plain = page.get_by_role("link", name=name), alone.get_by_role("link", name=name)
    alone.goto(board.page(body))
    expect(plain).to_be_hidden()
    expect(link).to_be_hidden()
    behind = "Task 00" if name == "Show earlier" else "Task 9"
    board.write("Task.objects.create(project_id=pk, title=title).pk", title=behind)
    expect(link).to_be_visible()
    alone.reload()
    expect(plain).to_be_visible()
    board.write("Task.objects.filter(project=pk, title=title).delete() and None", title=behind)
    expect(link).to_be_hidden()
    board.write(FILL, titles=titles(20))
    link.click()
    expect(rows(page)).to_have_text(titles(20))
    expect(link).to_be_hidden()
    assert asked(page) == {"more": "2"}
    assert page.evaluate(FRESH) == titles(20)


def test_more_rows_come_when_they_are_scrolled_into_view(
    open_body: Callable[..., Page], fill: Callable[[int], None]
) -> None:
    fill(300)
    page = open_body(MORE)
    page.evaluate("document.body.style.lineHeight = '60px'")
    wait_until(lambda: rows(page).count() >= 20, what="the link to be in view")
    before = rows(page).count()
    assert before < 100
    page.mouse.wheel(0, 100_000)
    wait_until(lambda: rows(page).count() > before, what="more rows")
    wait_until_equal(page)


VIRTUAL = """(project) => {
    document.body.innerHTML = '<div id="box"><ol></ol></div>'
    const [box, rows] = [document.querySelector("#box"), document.querySelector("ol")]
    box.style = "height: 200px; overflow: auto"
    rows.style = "margin: 0; padding: 0; box-sizing: border-box; list-style: none"
    const list = window.list = window.realtime.list("paged", {project})
    list.store.subscribe(({rows: shown, start, total}) => {
        rows.style.height = `${(total ?? 0) * 20}px`
        rows.style.paddingTop = `${start * 20}px`
        rows.replaceChildren(...shown.map(({title}) => {
            const row = document.createElement("li")
            row.style.height = "20px"
            row.textContent = title
            return row
        }))
    })
    box.addEventListener("scroll", () => list.range(box.scrollTop / 20, (box.scrollTop + 200) / 20))
}"""
# The rows that the reader sees.
IN_VIEW = """() => {
    const box = document.querySelector("#box").getBoundingClientRect()
    const isSeen = ({top, bottom}) => bottom > box.top && top < box.bottom
    const rows = Array.from(document.querySelectorAll("li"))
    return rows.filter((row) => isSeen(row.getBoundingClientRect())).map((row) => row.textContent)
}"""


def test_virtual_list_shows_any_range_of_ten_thousand_rows(desk: Desk, board: Board) -> None:
    board.write(FILL, titles=[f"Task {number:05}" for number in range(10_000)])
    page = desk.open("ada", board.page("<p></p>"))
    page.evaluate(VIRTUAL, board.pk)
    wait_until(lambda: page.evaluate("window.list.total") == 10_000, what="the number of rows")
    for first in (0, 5_000, 9_990, 123, 9_985):
        page.evaluate("(top) => { document.querySelector('#box').scrollTop = top }", first * 20)
        seen = [f"Task {number:05}" for number in range(first, first + 10)]
        wait_until(lambda seen=seen: page.evaluate(IN_VIEW) == seen, what=f"the rows from {first}")
        assert page.locator("li").count() <= 30
    board.write("Task.objects.create(project_id=pk, title='Task 00000.5').pk")
    seen = [f"Task {number:05}" for number in range(9_984, 9_994)]
    wait_until(lambda: page.evaluate(IN_VIEW) == seen, what="the row that was added in front")
    assert page.evaluate("window.list.total") == 10_001
    page.evaluate("window.list.set({q: '0042'})")
    wait_until(lambda: page.evaluate("window.list.total") == 11, what="the number of rows that match")
    page.evaluate("window.list.range(0, 20)")
    seen = ["Task 00042", *(f"Task 0042{number}" for number in range(9))]
    page.evaluate("() => { document.querySelector('#box').scrollTop = 0 }")
    wait_until(lambda: page.evaluate(IN_VIEW) == seen, what="the rows that match")


@pytest.mark.engines
def test_earlier_rows_come_in_front_and_the_reader_stays_where_he_is(
    open_body: Callable[..., Page], board: Board, fill: Callable[[int], None]
) -> None:
    fill(60)
    page = open_body(UP)
    log = page.locator("#log")
    expect(rows(page)).to_have_text(titles(50, 60))
    log.evaluate(SMALL)
    log.evaluate("(log) => { log.scrollTop = 60 }")
    board.write("Task.objects.create(project_id=pk, title='Task 060').pk")
    expect(rows(page).last).to_have_text("Task 060")
    seen = log.evaluate(SEEN)
    page.get_by_role("link", name="Show earlier").evaluate("(link) => link.click()")
    expect(rows(page)).to_have_text(titles(41, 61))
    assert log.evaluate(SEEN) == seen
    log.evaluate("(log) => { log.scrollTop = 0 }")
    page.get_by_role("link", name="Show earlier").click()
    expect(rows(page).first).to_have_text("Task 031")
    wait_until_equal(page)
