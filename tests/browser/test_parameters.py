"""Forms whose fields are parameters: the lists of the page follow while the user types, and so does the address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk, Traffic
from tests.support.faults_proxy import DistantProxy
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

TITLES = ["Ink", "Ink blue", "Inkwell", "Inkwell refill", "Ink refill", "Pen", "Pencil"]
ONE_WAY_SECONDS = 0.1
KEY_MILLISECONDS = 100

# A GET form of this page sends its own markup along, which is no parameter where the script runs.
FORM = """
<form data-live-for="found" action="/page/">
  <input type="hidden" name="body" value="{{ request.GET.body }}" disabled>
  <input type="search" name="q" aria-label="Search" value="{{ request.GET.q }}">
  <select name="state" aria-label="State">
    <option value="">All</option>
    <option value="open"{% if request.GET.state == "open" %} selected{% endif %}>Open</option>
    <option value="done"{% if request.GET.state == "done" %} selected{% endif %}>Done</option>
    <option value="lost">Lost</option>
  </select>
  <input name="least" aria-label="Least" value="{{ request.GET.least }}">
  <input type="hidden" name="sort" value="{{ request.GET.sort }}">
  <button>Search</button>
  <button name="sort" value="-title">Down</button>
</form>
{% with get=request.GET %}
<p role="status">
  {% live_value "found" "count" project=PK q=get.q state=get.state least=get.least sort=get.sort %} found
</p>
{% live "found" project=PK q=get.q state=get.state least=get.least sort=get.sort container="ul" %}
{% endwith %}"""

SEVERAL = """
{% with columns=request.GET|getlist:"columns" owners=request.GET|getlist:"owners" %}
<form data-live-for="found" action="/page/">
  <input type="hidden" name="body" value="{{ request.GET.body }}" disabled>
  <fieldset><legend>Columns</legend>
    <label><input type="checkbox" name="columns" value="todo"
      {% if "todo" in columns %}checked{% endif %}>To do</label>
    <label><input type="checkbox" name="columns" value="doing"
      {% if "doing" in columns %}checked{% endif %}>Doing</label>
    <label><input type="checkbox" name="columns" value="done" {% if "done" in columns %}checked{% endif %}>Done</label>
  </fieldset>
  <select name="owners" multiple aria-label="Owners">
    <option value="1"{% if "1" in owners %} selected{% endif %}>Ada</option>
    <option value="2"{% if "2" in owners %} selected{% endif %}>Ben</option>
    <option value="3"{% if "3" in owners %} selected{% endif %}>Cyd</option>
  </select>
  <button>Show</button>
</form>
{% live "found" project=PK columns=columns owners=owners container="ul" %}
{% endwith %}"""

TWO_FORMS = """
<form data-live-for="found" id="search"><input name="q" aria-label="Search"></form>
<form data-live-for="found"><input name="least" aria-label="Least"></form>
<div data-live-ignore><input form="search" name="state" value="done" aria-label="Theirs"></div>
{% live "found" project=PK q=request.GET.q least=request.GET.least container="ul" %}"""

FOREIGN = """
{% live "found" project=PK container="ul" %}
<div data-live-ignore><form data-live-for="found"><input name="q" aria-label="Search"></form></div>"""

# Notes at each frame the rows, the focus, the scroll position, whether rows have kept their elements, and the state.
WATCH = """() => {
    document.body.style.padding = "200px 0 3000px"
    scrollTo(0, 40)
    const list = document.querySelector("ul")
    const elements = new Map()
    window.seen = []
    const note = () => {
        const rows = [...list.children]
        const kept = rows.every((row) => (elements.get(row.dataset.liveKey) ?? row) === row)
        elements.clear()
        for (const row of rows) elements.set(row.dataset.liveKey, row)
        const titles = rows.map((row) => row.querySelector("b").textContent)
        const state = document.documentElement.dataset.realtime
        const seen = JSON.stringify([titles, document.activeElement.name, scrollY, kept, state])
        if (window.seen.at(-1) !== seen) window.seen.push(seen)
        requestAnimationFrame(note)
    }
    note()
}"""

# Writes parameters of the list as a script of the page would.
WRITE = """(params) => {
    const list = document.querySelector("ul")
    list.dataset.liveParams = JSON.stringify({...JSON.parse(list.dataset.liveParams), ...params})
}"""


@pytest.fixture
def body(board: Board) -> str:
    board.write(
        """
for task in tasks.all():
    task.delete()
for title in titles:
    Task.objects.create(project_id=pk, title=title, done=title.startswith("Pen"))
""".replace("tasks.all()", "Task.objects.filter(project=pk)"),
        titles=TITLES,
    )
    return board.page(FORM)


@pytest.fixture
def page(body: str, desk: Desk) -> Page:
    return desk.open_live("ada", body)


def rows(page: Page) -> Locator:
    return page.locator("ul b")


def query_of(page: Page) -> dict[str, str | list[str]]:
    """The parameters in the page's address, but for its markup; a list if there are several of one name."""
    search = page.evaluate("location.search.slice(1)")  # of which Playwright itself learns later
    found = {name: values for name, values in parse_qs(search).items() if name != "body"}
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def matching(q: str) -> list[str]:
    return sorted(title for title in TITLES if q in title.lower())


def live_queries(page: Page, board: Board) -> list[dict[str, Any]]:
    """The parameters of the rows and values that the server has of this board."""
    found = [json.loads(params) for stream, params in page.request.get("/queries/").json() if stream == "found"]
    return [params for params in found if params["project"] == board.pk]


@pytest.fixture
def distant(board: Board) -> Iterator[DistantProxy]:
    proxy = DistantProxy(board.server.port, seconds=ONE_WAY_SECONDS)
    yield proxy
    proxy.close()


@pytest.mark.websocket
def test_ten_keys_a_second_at_200_ms_end_with_the_last_query_and_nothing_flickers(
    body: str, desk: Desk, board: Board, distant: DistantProxy
) -> None:
    page = desk.alone("ada", url=distant.url)
    traffic = Traffic(page)
    desk.open_live("ada", body, page=page)
    page.get_by_label("Search").focus()
    page.evaluate(WATCH)
    typed = [""]
    for text in ("inkwell", "pencil sharpener"):
        page.keyboard.type(text, delay=KEY_MILLISECONDS)
        for _ in text:
            page.keyboard.press("Backspace", delay=KEY_MILLISECONDS)
        typed += [text[:number] for number in (*range(1, len(text) + 1), *reversed(range(len(text))))]
    page.keyboard.type("ink refill", delay=KEY_MILLISECONDS)
    typed += ["ink refill"[:number] for number in range(1, 11)]

    wait_until(lambda: query_of(page) == {"q": "ink refill"}, what="the address to have the last query")
    expect(rows(page)).to_have_text(["Ink refill"])
    expect(page.get_by_role("status")).to_have_text("1 found")
    wait_for_state(page)

    seen = [json.loads(each) for each in page.evaluate("window.seen")]
    assert {tuple(others) for _, *others in seen} == {("q", 40, True, "live")}
    results = iter(matching(q) for q in typed)
    assert [titles for titles, *_ in seen if titles not in results] == []  # in this order, and nothing in between
    assert len(seen) > 3  # it has followed while the user typed

    asked = [message for message in traffic.sent if message["type"] == "subscribe"]
    assert [message for message in traffic.received if message["type"] in ("refused", "bye")] == []
    assert len(asked) <= 2 * len(typed)  # for two containers
    wait_until(
        lambda: len(live_queries(page, board)) == 2, what="one live query for the rows, and one for their number"
    )
    assert {params["q"] for params in live_queries(page, board)} == {"ink refill"}
    wait_until_equal(page)


def test_list_follows_the_form_and_lives_on(page: Page, board: Board) -> None:
    page.get_by_label("Search").fill("ink")
    expect(rows(page)).to_have_text(matching("ink"))
    board.write("Task.objects.create(project_id=pk, title='Ink black') and None")
    expect(rows(page)).to_have_text(sorted([*matching("ink"), "Ink black"]))
    board.write("Task.objects.create(project_id=pk, title='Paper') and None")
    page.get_by_label("State").select_option("done")
    expect(rows(page)).to_have_count(0)
    page.get_by_label("Search").fill("pen")

    expect(rows(page)).to_have_text(["Pen", "Pencil"])
    assert query_of(page) == {"q": "pen", "state": "done"}
    wait_until_equal(page)


def test_reload_shows_the_same_list(page: Page) -> None:
    page.get_by_label("State").select_option("done")
    expect(rows(page)).to_have_text(["Pen", "Pencil"])
    page.reload()
    wait_for_state(page)

    expect(rows(page)).to_have_text(["Pen", "Pencil"])
    expect(page.get_by_label("State")).to_have_value("done")


def test_back_and_forward_go_from_submission_to_submission(page: Page) -> None:
    field = page.get_by_label("Search")
    for text in ("inkwell", "pencil"):
        field.fill(text)
        field.press("Enter")
        expect(rows(page)).to_have_text(matching(text))
    page.evaluate("history.back()")
    expect(rows(page)).to_have_text(matching("inkwell"))
    expect(field).to_have_value("inkwell")
    page.evaluate("history.back()")
    expect(rows(page)).to_have_text(matching(""))
    expect(field).to_have_value("")
    page.evaluate("history.forward()")

    expect(rows(page)).to_have_text(matching("inkwell"))
    assert query_of(page) == {"q": "inkwell"}


def test_typing_adds_no_entry_to_the_history(page: Page) -> None:
    before = page.evaluate("history.length")
    page.get_by_label("Search").fill("pencil")
    expect(rows(page)).to_have_text(["Pencil"])
    assert page.evaluate("history.length") == before


def test_return_from_another_page_shows_the_list_as_it_was_left(page: Page, board: Board) -> None:
    page.get_by_label("Search").fill("pencil")
    expect(rows(page)).to_have_text(["Pencil"])
    page.goto(board.path)
    page.evaluate("history.back()")
    wait_for_state(page)

    expect(rows(page)).to_have_text(["Pencil"])
    expect(page.get_by_label("Search")).to_have_value("pencil")


def test_button_with_a_value_sorts_and_stays_chosen(page: Page) -> None:
    page.get_by_role("button", name="Down").click()
    expect(rows(page)).to_have_text(matching("")[::-1])
    page.get_by_label("Search").fill("pen")

    expect(rows(page)).to_have_text(["Pencil", "Pen"])
    assert query_of(page) == {"q": "pen", "sort": "-title"}


@pytest.mark.parametrize(
    ("label", "text", "sentence"),
    [("Least", "some", "Enter a whole number."), ("Least", "-1", "No task stands before 0.")],
)
def test_value_that_the_stream_does_not_take_is_refused_at_its_field(
    page: Page, label: str, text: str, sentence: str
) -> None:
    search, field = page.get_by_label("Search"), page.get_by_label(label)
    field.fill(text)
    search.focus()

    expect(field).to_have_accessible_description(sentence)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(search).to_be_focused()
    expect(rows(page)).to_have_text(matching(""))
    field.fill("0")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("")


def test_reload_after_a_refusal_shows_the_list(page: Page) -> None:
    page.get_by_label("Search").fill("ink")
    expect(rows(page)).to_have_text(matching("ink"))
    page.get_by_label("Least").fill("some")
    expect(page.get_by_role("alert")).to_have_text("Enter a whole number.")
    assert query_of(page) == {"q": "ink"}
    page.reload()
    wait_for_state(page)

    expect(rows(page)).to_have_text(matching("ink"))


def test_two_forms_for_one_list(open_body: Callable[..., Page], body: str) -> None:
    page = open_body(TWO_FORMS)
    page.get_by_label("Least").fill("some")
    page.get_by_label("Search").fill("ink")
    expect(rows(page)).to_have_text(matching("ink"))  # neither the refused value nor the foreign one counts
    expect(page.get_by_label("Least")).to_have_accessible_description("Enter a whole number.")
    page.get_by_label("Theirs").fill("open")
    page.get_by_label("Least").fill("0")
    expect(page.get_by_label("Least")).to_have_accessible_description("")

    expect(rows(page)).to_have_text(matching("ink"))
    assert query_of(page) == {"q": "ink", "least": "0"}


def test_what_is_typed_offline_is_shown_once_the_network_is_back(page: Page, board: Board) -> None:
    page.get_by_label("Search").fill("ink")
    expect(rows(page)).to_have_text(matching("ink"))
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    for text in ("pen", "pencil"):
        page.get_by_label("Search").fill(text)
        wait_until(lambda text=text: query_of(page) == {"q": text}, what="the address to follow")
    expect(rows(page)).to_have_text(matching("ink"))
    page.context.set_offline(False)

    expect(rows(page)).to_have_text(["Pencil"])
    wait_for_state(page)
    board.write("Task.objects.create(project_id=pk, title='Pencil red') and None")
    expect(rows(page)).to_have_text(["Pencil", "Pencil red"])
    wait_until(
        lambda: {params["q"] for params in live_queries(page, board)} == {"pencil"}, what="the other queries to end"
    )


def test_lists_continue_with_their_new_parameters_after_an_outage(page: Page, board: Board) -> None:
    page.get_by_label("Search").fill("ink")
    expect(rows(page)).to_have_text(matching("ink"))
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    board.write("Task.objects.create(project_id=pk, title='Ink black') and None")
    board.write("Task.objects.create(project_id=pk, title='Paper') and None")
    page.context.set_offline(False)

    expect(rows(page)).to_have_text(sorted([*matching("ink"), "Ink black"]))
    expect(page.get_by_role("status")).to_have_text("6 found")
    wait_until_equal(page)


def test_choice_that_the_stream_does_not_take_is_refused_at_its_field(page: Page, board: Board) -> None:
    field = page.get_by_label("State")
    field.select_option("lost")
    expect(field).to_have_accessible_description(
        "Select a valid choice. That choice is not one of the available choices."
    )
    board.write("Task.objects.create(project_id=pk, title='Ruler') and None")

    expect(rows(page)).to_have_text(sorted([*matching(""), "Ruler"]))


def test_page_with_a_choice_that_the_stream_does_not_take_is_a_bad_request(
    body: str, desk: Desk, board: Board
) -> None:
    board.server.expected_trouble.append("bad_parameters")
    answer = desk.blank("ada").request.get(f"{body}&state=lost")
    assert answer.status == 400


@pytest.mark.excused(firefox="its driver leaves scripts on")
def test_form_works_without_javascript(body: str, desk: Desk) -> None:
    page = desk.alone("ada", java_script_enabled=False)
    desk.open("ada", body.replace("disabled", "").replace("%20disabled", ""), page=page)
    page.get_by_label("Search").fill("ink")
    page.get_by_role("button", name="Search").click()
    expect(rows(page)).to_have_text(matching("ink"))
    page.get_by_role("button", name="Down").click()

    expect(rows(page)).to_have_text(matching("ink")[::-1])
    assert query_of(page) == {"q": "ink", "sort": "-title"}


@pytest.fixture
def several(board: Board) -> str:
    """A page of tasks in three columns, with a form that takes several of them."""
    board.write(
        """
for task in Task.objects.filter(project=pk):
    task.delete()
for number, column in enumerate(["todo", "doing", "done"] * 2):
    Task.objects.create(
        project_id=pk, title=f"{column} {number // 3}", column=column, assignee_id=owners[number // 3]
    )
""",
        owners=[1, 2],
    )
    return board.page(SEVERAL)


def test_several_values_of_one_name_narrow_the_list_and_stay_after_a_reload(several: str, desk: Desk) -> None:
    page = desk.open_live("ada", several)
    expect(rows(page)).to_have_count(6)
    page.get_by_label("Done").check()
    page.get_by_label("To do").check()
    expect(rows(page)).to_have_text(["done 0", "done 1", "todo 0", "todo 1"])
    page.get_by_label("Owners").select_option(["2", "3"])
    expect(rows(page)).to_have_text(["done 1", "todo 1"])
    assert query_of(page) == {"columns": ["todo", "done"], "owners": ["2", "3"]}
    page.reload()
    wait_for_state(page)

    expect(rows(page)).to_have_text(["done 1", "todo 1"])
    expect(page.get_by_label("Owners")).to_have_values(["2", "3"])
    page.get_by_label("Owners").select_option([])
    page.get_by_label("Done").uncheck()
    expect(rows(page)).to_have_text(["todo 0", "todo 1"])
    page.get_by_label("To do").uncheck()
    expect(rows(page)).to_have_count(6)
    assert query_of(page) == {}


def test_back_and_forward_restore_several_values(several: str, desk: Desk) -> None:
    page = desk.open_live("ada", several)
    show = page.get_by_role("button", name="Show")
    page.get_by_label("Done").check()
    page.get_by_label("Owners").select_option(["1"])
    show.click()
    expect(rows(page)).to_have_text(["done 0"])
    page.get_by_label("Doing").check()
    page.get_by_label("Owners").select_option(["1", "2"])
    show.click()
    expect(rows(page)).to_have_text(["doing 0", "doing 1", "done 0", "done 1"])
    page.go_back()
    expect(rows(page)).to_have_text(["done 0"])
    expect(page.get_by_label("Doing")).not_to_be_checked()
    expect(page.get_by_label("Owners")).to_have_values(["1"])
    page.go_back()
    expect(rows(page)).to_have_count(6)
    expect(page.get_by_label("Done")).not_to_be_checked()
    page.go_forward()
    expect(rows(page)).to_have_text(["done 0"])
    expect(page.get_by_label("Done")).to_be_checked()
    page.go_forward()

    expect(rows(page)).to_have_text(["doing 0", "doing 1", "done 0", "done 1"])
    expect(page.get_by_label("Owners")).to_have_values(["1", "2"])


def test_one_of_several_values_that_the_stream_does_not_take_is_refused_at_its_fields(
    several: str, desk: Desk
) -> None:
    page = desk.open_live("ada", several)
    page.get_by_label("Done").check()
    expect(rows(page)).to_have_text(["done 0", "done 1"])
    todo = page.get_by_label("To do")
    todo.evaluate("(box) => { box.value = 'lost' }")
    todo.check()

    sentence = "Select a valid choice. That choice is not one of the available choices."
    expect(todo).to_have_accessible_description(sentence)
    expect(page.get_by_text(sentence)).to_have_count(1)
    expect(rows(page)).to_have_text(["done 0", "done 1"])
    assert query_of(page) == {"columns": "done"}
    todo.uncheck()
    expect(page.get_by_text(sentence)).to_have_count(0)


@pytest.mark.excused(firefox="its driver leaves scripts on")
def test_several_values_work_without_javascript(several: str, desk: Desk) -> None:
    page = desk.alone("ada", java_script_enabled=False)
    desk.open("ada", several.replace("disabled", "").replace("%20disabled", ""), page=page)
    page.get_by_label("Done").check()
    page.get_by_label("Doing").check()
    page.get_by_label("Owners").select_option(["2", "3"])
    page.get_by_role("button", name="Show").click()

    expect(rows(page)).to_have_text(["doing 1", "done 1"])
    expect(page.get_by_label("Done")).to_be_checked()
    assert query_of(page) == {"columns": ["doing", "done"], "owners": ["2", "3"]}


def test_action_of_a_row_acts_with_the_parameters_that_are_shown(page: Page) -> None:
    page.get_by_label("State").select_option("open")
    expect(rows(page)).to_have_text([title for title in matching("") if not title.startswith("Pen")])
    page.get_by_label("State").select_option("done")
    page.get_by_label("Search").fill("pencil")
    expect(rows(page)).to_have_text(["Pencil"])
    page.get_by_label("State").select_option("open")
    page.get_by_label("Search").fill("inkwell refill")
    expect(rows(page)).to_have_text(["Inkwell refill"])
    page.get_by_role("button", name="Finish Inkwell refill").click()

    expect(rows(page)).to_have_count(0)


def test_parameters_that_a_script_writes_are_noticed(page: Page) -> None:
    page.evaluate(WRITE, {"q": "pencil"})
    expect(rows(page)).to_have_text(["Pencil"])
    expect(page.get_by_role("status")).to_have_text("7 found")


def test_parameters_of_what_the_user_may_not_see_are_refused(page: Page) -> None:
    page.evaluate("""() => document.querySelector("ul").addEventListener(
        "realtime:error", ({detail}) => { window.refused = detail.name }
    )""")
    page.evaluate(WRITE, {"project": 999_999})
    wait_until(lambda: page.evaluate("window.refused") == "forbidden", what="the refusal")

    expect(rows(page)).to_have_text(matching(""))
    assert json.loads(page.locator("ul").get_attribute("data-live-params") or "")["project"] != 999_999


def test_form_in_foreign_markup_does_nothing(open_body: Callable[..., Page], body: str) -> None:
    page = open_body(FOREIGN)
    page.get_by_label("Search").fill("pencil")
    page.get_by_label("Search").blur()
    page.evaluate(WRITE, {"sort": "-title"})

    expect(rows(page)).to_have_text(matching("")[::-1])


def test_what_was_typed_before_the_script_began_counts(body: str, desk: Desk) -> None:
    page = desk.blank("ada")
    page.add_init_script("""addEventListener("readystatechange", () => {
        const field = document.querySelector("[name=q]")
        if (field && document.readyState === "interactive") field.value = "pencil"
    }, true)""")
    desk.open_live("ada", body, page=page)

    expect(rows(page)).to_have_text(["Pencil"])
    assert query_of(page) == {"q": "pencil"}
