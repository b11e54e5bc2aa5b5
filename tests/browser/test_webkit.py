"""What depends on the engine, in WebKit, which Playwright does not drive. It runs tests/browser/cases too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser.board import DIFFERENCES, Board
from tests.browser.cases.conftest import CREATE_TABLE, NAMES
from tests.browser.writer import Writer
from tests.conftest import browser_program
from tests.support import transports, webkit
from tests.support.demo import DemoServer, session_cookie
from tests.support.faults_proxy import Proxy
from tests.support.webkit import Window

pytestmark = [pytest.mark.browser, pytest.mark.engines]

LIST = "document.querySelector('[data-live]')"
FIELD = '<input id="n" name="note">'


@pytest.fixture(scope="module")
def window(pytestconfig: pytest.Config, server: DemoServer) -> Iterator[Window]:
    """One window for all tests, in which ada is logged in."""
    with webkit.running(browser_program(pytestconfig, "webkit")) as window:
        window.login(session_cookie("ada", server.url))
        yield window


@pytest.fixture(scope="module", autouse=True)
def snippets(writer: Writer) -> None:
    writer(CREATE_TABLE)


class Case:
    """A page with rows of the test's own markup, named by their place at the beginning."""

    def __init__(self, window: Window, board: Board) -> None:
        self.window = window
        self.board = board

    def open(self, *rows: str, before: str = "", origin: str | None = None, container: str = "ul") -> Window:
        self.write(
            "Snippet.objects.bulk_create(Snippet(project_id=pk, html=h, position=n) for n, h in rows)",
            rows=list(enumerate(rows)),
        )
        tag = f'{{% live "snippets" project=PK container="{container}" %}}'
        self.window.goto((origin or self.board.server.url) + self.board.page(before + tag, styles=""))
        self.window.live()
        return self.window

    def say(self, html: str, row: int = 0) -> None:
        """Change a row, and wait until the page shows it."""
        self.write("snippets.filter(position=row).update(html=html)", row=row, html=html.replace(">", " data-new>", 1))
        self.window.wait(f"{LIST}.querySelector('[data-new]')")

    def write(self, code: str, **names: object) -> None:
        self.board.writer(f"{NAMES}with transaction.atomic():\n    {code}", pk=self.board.pk, **names)

    def shows(self, *texts: str) -> None:
        wanted = json.dumps(texts, separators=(",", ":"))
        self.window.wait(f"JSON.stringify([...{LIST}.children].map((row) => row.textContent)) === `{wanted}`")


@pytest.fixture
def case(window: Window, board: Board) -> Case:
    return Case(window, board)


def test_rows_come_change_move_and_go(case: Case) -> None:
    case.open("<li>a</li>", "<li>b</li>", "<li>c</li>")
    case.say("<li>changed</li>", row=1)
    case.write("snippets.filter(position=0).update(position=9)")
    case.shows("changed", "c", "a")
    case.write("snippets.filter(position=9).delete()")
    case.write("Snippet.objects.create(project_id=pk, position=0, html='<li>new</li>')")
    case.shows("new", "changed", "c")


def test_typing_and_the_caret_stay_when_something_comes_above_the_field(case: Case) -> None:
    window = case.open(f"<li><div>{FIELD}</div></li>")
    window.click("#n")
    window.type("half a sentence")
    window.press("ArrowLeft")
    case.say(f"<li><p>Overdue</p><section><div>{FIELD}</div></section></li>")
    window.type("!")

    assert window.evaluate("[document.activeElement.id, document.activeElement.value]") == ["n", "half a sentenc!e"]


def test_a_row_moves_with_focus_text_and_scrolling_and_the_page_hears_nothing(case: Case) -> None:
    box = '<div class="box" style="height: 2em; overflow: auto">1<br>2<br>3<br>4<br>5</div>'
    window = case.open(f"<li>{FIELD}{box}</li>", *(f"<li>{n}</li>" for n in range(5)))
    window.click("#n")
    window.type("mine")
    window.evaluate(
        "(document.querySelector('.box').scrollTop = 20, window.heard = 0, "
        "document.addEventListener('focusin', ({target}) => { window.heard += 1; target.value = '' }))"
    )
    case.write("snippets.filter(position=0).update(position=3)")
    window.wait(f"{LIST}.children[0].textContent === '0'")

    state = "[document.activeElement.value, document.querySelector('.box').scrollTop, window.heard]"
    assert window.evaluate(state) == ["mine", 20, 0]


def test_three_hundred_rows_are_turned_round(case: Case) -> None:
    window = case.open(*(f"<li>{n}</li>" for n in range(300)))
    case.write("snippets.update(position=0 - models.F('position'))")
    window.wait(f"{LIST}.firstElementChild.textContent === '299' && {LIST}.lastElementChild.textContent === '0'")

    assert window.evaluate(DIFFERENCES.replace("async () =>", "(async () =>", 1) + ")()") == []


def test_rows_of_a_table_and_options_of_a_select(case: Case) -> None:
    window = case.open("<tr><td>a</td></tr>", before="<table>", container="tbody")
    case.say("<tr><td>b</td></tr>")

    assert window.evaluate(f"{LIST}.rows[0].cells[0].textContent") == "b"


def test_what_is_open_stays_open(case: Case) -> None:
    row = '<li>%s<details id="more"><summary>More</summary>text</details><dialog id="d">Sure?</dialog></li>'
    window = case.open(row % "")
    window.evaluate("(document.getElementById('more').open = true, document.getElementById('d').show())")
    case.say(row % "<p>new</p>")

    assert window.evaluate("[document.getElementById('more').open, document.getElementById('d').open]") == [True, True]


def test_a_custom_element_keeps_what_it_has_drawn(case: Case) -> None:
    script = """<script nonce="{{ request.csp_nonce }}">customElements.define("own-badge", class extends HTMLElement {
        connectedCallback() { this.insertAdjacentHTML("beforeend", "<i>drawn</i>") }
    })</script>"""
    window = case.open("<li>a</li>", before=script)
    case.say("<li>b<own-badge>7</own-badge></li>")
    case.write("snippets.update(html='<li>c<own-badge>8</own-badge></li>')")
    case.shows("c8drawn")

    assert window.evaluate("document.querySelector('own-badge').innerHTML") == "8<i>drawn</i>"


def test_an_action_changes_the_row(case: Case) -> None:
    button = """<li><button data-live-call="keep" data-live-args='{"pk": %s}'>keep</button></li>"""
    case.open("<li>a</li>")
    change = "[Snippet.objects.filter(pk=each.pk).update(html=html % each.pk) for each in snippets]"
    case.write(change, html=button)
    case.window.wait(f"{LIST}.querySelector('button')")
    case.window.click("button")
    case.shows("kept")


@pytest.mark.parametrize("transport", ["sse", "longpoll"])
def test_the_other_transports(case: Case, transport: str) -> None:
    block = transports.NO_WEBSOCKET + (transports.NO_SSE if transport == "longpoll" else "")
    case.open("<li>a</li>", before=f'<script nonce="{{{{ request.csp_nonce }}}}">{block}</script>')
    case.say("<li>b</li>")
    case.write("snippets.update(html='<li>c</li>')")
    case.shows("c")


def test_a_page_that_one_goes_back_to_is_live_and_shows_the_present(case: Case) -> None:
    window = case.open("<li>a</li>")
    window.goto(case.board.server.url + "/login/")
    case.write("snippets.update(html='<li>b</li>')")
    window.evaluate("void history.back()")
    window.wait(f"Boolean({LIST})")
    case.shows("b")
    window.live()


def test_a_cut_line_is_noticed_and_what_was_missed_comes(case: Case, server: DemoServer) -> None:
    proxy = Proxy(server.port)
    try:
        window = case.open("<li>a</li>", origin=f"http://127.0.0.1:{proxy.port}")
        watch = "document.addEventListener('realtime:state', ({detail}) => window.states.push(detail.state))"
        window.evaluate(f"(window.states = [], {watch})")
        proxy.cut()
        case.write("snippets.update(html='<li>b</li>')")
        case.shows("b")
        window.live()

        assert window.evaluate("window.states") == ["offline", "catching-up", "live"]
    finally:
        proxy.close()


def test_unread_rows_are_marked_until_they_are_in_view(window: Window, board: Board) -> None:
    count = '<span id="count">{% live_unread "fresh" project=PK class="badge" %}</span>'
    rows = '{% live "fresh" project=PK container="ul" class="list" %}'
    window.goto(board.server.url + board.page(f'{count}<div style="height: 300vh"></div>{rows}', styles=""))
    window.live()
    text = "document.getElementById('count').textContent.trim()"
    window.wait(f"{text} === '5'")
    assert window.evaluate(f"{LIST}.querySelectorAll('[data-live-unread]').length") == 5
    window.evaluate("document.querySelector('.list').scrollIntoView()")
    window.wait(f"{text} === ''")
    window.goto(board.server.url + board.page(count + rows, styles=""))
    window.live()
    assert window.evaluate("document.querySelectorAll('.list > [data-live-unread]').length") == 0
