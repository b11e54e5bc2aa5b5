"""The live admin: a change list follows the database in its own way, and a form warns of what others change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support.axe import Fault, faults, without
from tests.support.pages import wait_for_state
from tests.support.waiting import seconds, wait_until

STATUS = "/admin/realtime/process/"

# What a list shows, row by row, and what the server renders now.
DIFFERENCES = """async () => {
    const answer = await fetch(location.href, {headers: {"Realtime-Refresh": "1"}})
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
    const plain = (root, selector) => Array.from(root.querySelectorAll(selector), (part) => {
        const copy = part.cloneNode(true)
        for (const widget of copy.querySelectorAll(".related-widget-wrapper")) { // full of what scripts have done
            widget.replaceWith(widget.querySelector("option[selected]")?.textContent ?? "")
        }
        for (const each of [copy, ...copy.querySelectorAll("*")]) {
            for (const {name} of [...each.attributes]) if (name.startsWith("data-live-")) each.removeAttribute(name)
            if (each.getAttribute("class") === "") each.removeAttribute("class")
        }
        return copy.outerHTML.replace(/\\s+/g, " ")
    })
    const parts = "#result_list thead, tbody > tr, .paginator, #changelist-filter, [name=form-TOTAL_FORMS]"
    const [shown, wanted] = [plain(document, parts), plain(fresh, parts)]
    const found = wanted.filter((part, index) => part !== shown[index])
    return shown.length === wanted.length ? found : [...found, `${shown.length} parts for ${wanted.length}`]
}"""

# Makes the tables too wide, by no attribute that the server would not send, and reads in the middle of one.
SCROLL = """region => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(".realtime-scroll table { width: 600px }")
    document.adoptedStyleSheets = [sheet]
    region.scrollLeft = 40
    region.focus()
}"""

# As if the last look had been at other times: the numbers come, and two parts go.
OTHER_PARTS = """shown => {
    shown.firstElementChild.remove()
    shown.prepend(document.createElement("section"), document.createElement("section"))
}"""

STAFF = """
from django.contrib.auth.models import Permission
ben = User.objects.get(username="ben")
ben.is_staff = True
ben.save()
ben.user_permissions.set(Permission.objects.filter(codename__in=["view_task", "change_task"]))
"""
NO_STAFF = """
ben = User.objects.get(username="ben")
ben.user_permissions.clear()
ben.is_staff = False
ben.save()
"""


@pytest.fixture
def staff(board: Board) -> Iterator[None]:
    """ben may see and change tasks."""
    board.writer(STAFF)
    yield
    board.writer(NO_STAFF)


@pytest.fixture
def open_list(desk: Desk, board: Board) -> Callable[..., Page]:
    """`open_list("&o=2")`: the list of the board's tasks, live; `site` is one with titles to type in."""

    def open_list(query: str = "", *, user: str = "ada", site: str = "desk") -> Page:
        page = desk.open(user, f"/{site}/board/task/?project__id__exact={board.pk}{query}")
        expect(page.locator(".realtime-line")).to_have_attribute("data-state", "live")
        return page

    return open_list


def form(board: Board, title: str, site: str = "desk") -> str:
    return f"/{site}/board/task/{board.key(title)}/change/"


def shown(page: Page) -> list[str]:
    titles = page.locator("#result_list .field-title")
    return titles.evaluate_all("cells => cells.map(cell => cell.querySelector('input')?.value ?? cell.textContent)")


def title(page: Page, text: str) -> Locator:
    """The field in which a title is typed."""
    return page.locator(f'#result_list .field-title input[value="{text}"]')


def wait_until_shown(page: Page, titles: list[str]) -> None:
    """Wait until these rows are shown, and all of the list is what the server renders."""
    wait_until(lambda: shown(page) == titles, what=f"the list to show {titles}")
    wait_until(lambda: not page.evaluate(DIFFERENCES), what="the list to be what the server renders")


def test_rows_change_enter_and_leave_under_filter_order_and_page(board: Board, open_list: Callable[..., Page]) -> None:
    page = open_list("&column__exact=todo")
    assert shown(page) == ["One", "Three", "Two"]
    paginator = page.locator(".paginator")

    board.write("Task.objects.create(project_id=pk, title='Four and a half', column='todo') and None")
    wait_until_shown(page, ["Four and a half", "One", "Three"])
    expect(paginator).to_contain_text("4 tasks")
    # the admin counts before it reads: a task that comes between is shown beside the three, and announced alone
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^4 tasks\. (1 added, )?1 removed\.$"))

    board.write("tasks.filter(title='One').update(column='doing')")
    wait_until_shown(page, ["Four and a half", "Three", "Two"])
    board.write("tasks.filter(title='Three').update(title='A third', done=True)")
    wait_until_shown(page, ["A third", "Four and a half", "Two"])
    expect(page.locator("#result_list img[alt=True]")).to_have_count(1)
    board.write("tasks.filter(column='todo').delete()")
    expect(page.locator("#result_list")).to_have_count(0)
    board.write("Task.objects.create(project_id=pk, title='Anew', column='todo') and None")
    wait_until_shown(page, ["Anew"])
    page.locator("#action-toggle").check()
    expect(page.locator(".action-counter")).to_have_text("1 of 1 selected")


def test_search_and_a_page_that_is_no_more(board: Board, open_list: Callable[..., Page]) -> None:
    board.write("[Task.objects.create(project_id=pk, title=f'Z{number}') for number in (1, 2)] and None")
    page = open_list("&p=3")
    assert shown(page) == ["Z2"]
    board.write("tasks.filter(title__in=['Two', 'Z1', 'Z2']).delete()")
    wait_until_shown(page, ["Three"])
    assert page.url.endswith("&p=2")

    page = open_list("&q=ne&o=-2")
    board.write("Task.objects.create(project_id=pk, title='Nearly') and None")
    wait_until_shown(page, ["One", "Nearly"])


def test_what_is_typed_and_chosen_stays(board: Board, open_list: Callable[..., Page]) -> None:
    page = open_list()
    assert shown(page) == ["Five", "Four", "One"]
    key = board.key("Four")
    page.locator(f"tr:has(input[value='{key}']) .action-select").check()
    title(page, "Four").fill("Four, mended")
    title(page, "One").fill("One!")

    board.write("Task.objects.create(project_id=pk, title='A first') and None")
    board.write("tasks.filter(title='Four').update(done=True)")
    # "One" is on the next page now, and stays as long as it is being changed
    wait_until(lambda: shown(page) == ["A first", "Five", "Four, mended", "One!"], what="the new row")
    expect(page.locator("tr.realtime-left")).to_have_count(1)
    expect(page.locator(f"tr:has(input[value='{key}']) img[alt=True]")).to_have_count(1)
    expect(page.locator(".action-select:checked")).to_have_value(key)
    expect(page.locator("tr.selected")).to_have_count(1)
    expect(title(page, "One")).to_be_focused()

    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist .success")).to_contain_text("2 tasks were changed")
    assert set(board.titles("todo")) >= {"One!", "A first"}
    assert "Four, mended" in board.titles("doing")


def test_widgets_and_the_bar_of_actions_go_on_working(board: Board, open_list: Callable[..., Page]) -> None:
    page = open_list()
    assert shown(page) == ["Five", "Four", "One"]
    four = page.locator("#result_list tr:has(input[value='Four'])")
    looked_up = page.locator(".select2-selection__rendered")
    four.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("cle")
    page.locator(".select2-results__option", has_text="cleo").click()

    board.write(
        "Task.objects.create(project_id=pk, title='A first', assignee=User.objects.get(username='ben')) and None"
    )
    board.write("tasks.filter(title='Four').update(done=True)")
    board.write("tasks.filter(title='Five').update(assignee=User.objects.get(username='ada'))")
    expect(looked_up).to_contain_text(["ben", "ada", "cleo"])
    expect(page.locator(".select2-container")).to_have_count(3)

    page.locator("#action-toggle").check()
    expect(page.locator(".action-counter")).to_have_text("3 of 3 selected")
    page.locator(".question a").click()
    expect(page.locator("span.all")).to_have_text("All 6 selected")
    board.write("Task.objects.create(project_id=pk, title='Zero') and None")
    expect(page.locator("span.all")).to_have_text("All 7 selected")
    expect(page.locator(".select-across")).to_have_value("1")
    page.locator(".clear a").click()
    expect(page.locator(".action-select:checked")).to_have_count(0)

    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist .success")).to_contain_text("1 task was changed")
    expect(looked_up).to_contain_text(["ben", "ada", "cleo"])


def test_list_is_the_users_own_and_ends_with_the_permission(
    board: Board, desk: Desk, staff: None, open_list: Callable[..., Page]
) -> None:
    ada, ben = open_list(), open_list(user="ben")
    board.write("Project.objects.get(pk=pk).members.remove(User.objects.get(username='ben'))")
    expect(ben.locator("#result_list")).to_have_count(0)
    board.write("Project.objects.get(pk=pk).members.add(User.objects.get(username='ben'))")
    wait_until_shown(ben, ["Five", "Four", "One"])

    board.server.expected_trouble.append("Forbidden (Permission denied)")
    board.write("User.objects.get(username='ben').user_permissions.clear()")
    board.write("Task.objects.create(project_id=pk, title='A secret') and None")
    wait_until_shown(ada, ["A secret", "Five", "Four"])
    expect(ben.get_by_role("status")).to_contain_text("You no longer have permission to view this list.")
    expect(ben.locator("#changelist > *")).to_have_count(0)
    assert "secret" not in ben.content()


def test_form_warns_of_changes_names_who_is_there_and_says_what_differs(board: Board, desk: Desk, staff: None) -> None:
    path = form(board, "One")
    ada = desk.open_live("ada", path)
    ben = desk.open_live("ben", path)
    notices = ada.locator(".realtime-notices")
    expect(notices).to_contain_text("Also viewing: Ben Okafor")
    ben.get_by_label("Title").fill("Ben's")
    expect(notices).to_contain_text("Ben Okafor (is editing)")
    warning = ada.locator(".realtime-warning")
    expect(warning).to_be_hidden()

    ben.get_by_role("button", name="Save and continue").click()
    expect(warning).to_have_text(
        "Task has changed since you opened it. Saving overwrites those changes. Changed fields: Title. Reload"
    )
    board.write('tasks.filter(title="Ben\'s").update(done=True)')
    expect(warning).to_contain_text("Title, Done.")
    board.write("tasks.filter(title=\"Ben's\").update(title='One', done=False)")
    expect(warning).to_be_hidden()
    expect(ben.locator(".realtime-warning")).to_contain_text("Title.")
    ben.close()
    expect(ada.locator(".realtime-people")).to_be_hidden()


def test_form_that_comes_back_with_errors_still_warns(board: Board, desk: Desk) -> None:
    page = desk.open_live("ada", form(board, "Two"))
    board.write("tasks.filter(title='Two').update(title='Two and a half')")
    expect(page.locator(".realtime-warning")).to_contain_text("Changed fields: Title.")
    page.get_by_label("Title").evaluate("field => { field.value = ''; field.required = false }")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote")).to_be_visible()
    expect(page.locator(".realtime-warning")).to_contain_text("Saving overwrites those changes. Reload")


def test_form_of_an_object_that_is_deleted_or_not_to_be_seen(board: Board, desk: Desk, staff: None) -> None:
    page = desk.open_live("ada", form(board, "Three"))
    page.get_by_label("Title").fill("Mine")
    board.write("tasks.filter(title='Three').delete()")
    expect(page.locator(".realtime-warning")).to_contain_text("Task has been deleted, or you can no longer see it")
    expect(page.get_by_label("Title")).to_have_value("Mine")

    ben = desk.open_live("ben", form(board, "Two"))
    board.server.expected_trouble.append("Forbidden (Permission denied)")
    board.write("User.objects.get(username='ben').user_permissions.clear()")
    wait_for_state(ben, "refused")
    expect(ben.locator(".realtime-warning")).to_contain_text("You no longer have permission to view this page.")
    expect(ben.locator("#content-main form")).to_have_count(0)


def faults_of_django(desk: Desk, path: str) -> list[Fault]:
    """What axe-core finds in a page of the admin without the scripts and the styles that realtime adds."""
    page = desk.blank("ada")
    page.route(re.compile("/static/realtime/"), lambda route: route.abort())
    page.goto(path)
    found = faults(page)
    page.close()
    return found


def test_list_breaks_no_rule_for_accessibility(board: Board, desk: Desk, open_list: Callable[..., Page]) -> None:
    page = open_list()
    title(page, "One").fill("One!")
    board.write("Task.objects.create(project_id=pk, title='A first') and None")
    expect(page.locator("tr.realtime-left")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text(re.compile(r"1 added|tasks\."))
    known = faults_of_django(desk, page.url)

    assert without(faults(page), known) == []
    page.locator(".realtime-line").evaluate("line => line.setAttribute('data-state', 'offline')")
    assert without(faults(page), known) == []


def test_form_breaks_no_rule_for_accessibility(board: Board, desk: Desk, staff: None) -> None:
    ada, ben = (desk.open_live(user, form(board, "One")) for user in ("ada", "ben"))
    ben.get_by_label("Title").fill("Ben's")
    board.write("tasks.filter(title='One').update(done=True)")
    expect(ada.locator(".realtime-warning")).to_contain_text("Changed fields: Done.")
    expect(ada.locator(".realtime-people")).to_contain_text("Ben Okafor (is editing)")

    assert without(faults(ada), faults_of_django(desk, form(board, "One"))) == []


@pytest.mark.excused(firefox="a process of Firefox ESR crashes when axe-core reads this page")
def test_status_page_breaks_no_rule_for_accessibility(board: Board, desk: Desk) -> None:
    desk.open_live("ada", board.path)
    page = desk.open("ada", STATUS)
    connections = page.get_by_role("region", name="Connections, the slowest first")
    expect(connections.get_by_role("button").first).to_be_visible(timeout=seconds(20) * 1000)

    assert without(faults(page), faults_of_django(desk, "/admin/realtime/presence/")) == []


def test_status_page_stays_where_its_reader_is(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    page.clock.install()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(STATUS)
    logs = page.get_by_role("region", name="Logs")
    changes = logs.locator("tbody td").first
    before, table = changes.inner_text(), logs.locator("table").element_handle()
    logs.evaluate(SCROLL)
    page.locator("[data-refresh]").evaluate(OTHER_PARTS)
    board.write("tasks.update(done=True) and None")
    page.clock.run_for(5000)

    expect(changes).not_to_have_text(before)
    assert logs.evaluate("region => region === document.activeElement")  # another page may be in front
    assert table.evaluate("table => [table.isConnected, table.parentElement.scrollLeft]") == [True, 40]
    assert page.locator("[data-refresh] > *").first.evaluate("part => part.matches('dl, p')")
    expect(page.locator("[data-refresh] > section")).to_have_count(0)
