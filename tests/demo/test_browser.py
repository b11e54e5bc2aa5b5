"""The board in two windows: what the one does, the other shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.desk import Desk
from tests.support.demo import DemoServer, DemoServers, copy_database
from tests.support.pages import open_live, wait_for_state

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def server(demo_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """One server for the module: a start for each test would take most of the time."""
    directory = tmp_path_factory.mktemp("board")
    servers = DemoServers(copy_database(demo_database, directory / "demo.sqlite3"), directory=directory)
    yield servers()
    servers.stop()
    assert servers.trouble() == []


@pytest.fixture(autouse=True)
def seeded(server: DemoServer, demo_database: Path) -> None:
    """Puts the seeds back, past all of Django, before a window is open."""
    connection = sqlite3.connect(server.database)
    connection.execute("ATTACH ? AS seeds", [str(demo_database)])
    with connection:
        for table in ("auth_user", "board_task"):
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM seeds.{table}")
    connection.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, server: DemoServer) -> Iterator[Desk]:
    with closing(Desk(browser, server.url)) as desk:
        yield desk


@pytest.fixture
def login(desk: Desk) -> Iterator[Callable[..., Page]]:
    """`login("ada")`: a new window, in a context that lasts for the module unless it has options of its own."""
    yield lambda user, **options: desk.alone(user, **options) if options else desk.blank(user)
    desk.end_test()


@pytest.fixture
def ada(login: Callable[..., Page]) -> Page:
    return open_live(login("ada"), "/board/1/")


@pytest.fixture
def ben(login: Callable[..., Page]) -> Page:
    return open_live(login("ben"), "/board/1/")


def cards(page: Page, column: str) -> Locator:
    return page.locator(f"[data-column={column}] [data-live-key]")


def card(page: Page, title: str) -> Locator:
    return page.locator("[data-live-key]").filter(has=page.get_by_text(title, exact=True))


def titles(page: Page, column: str) -> Locator:
    return cards(page, column).locator(".card-title")


def count(page: Page, column: str) -> Locator:
    return page.locator(f"[data-count={column}]")


def choose(page: Page, title: str, button: str) -> None:
    """Press a button in the menu of a card."""
    card(page, title).get_by_role("button").click()
    page.locator("#menu").get_by_role("button", name=button, exact=True).click()


def drag(page: Page, title: str, to: Locator) -> None:
    """Drag a card to where another one stands."""
    start, end = card(page, title).locator(".card-title").bounding_box(), to.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 10, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 5, steps=8)
    expect(page.locator(".drop-line")).to_be_visible()
    page.mouse.up()


def test_added_task_stands_at_the_end_in_both_windows(ada: Page, ben: Page) -> None:
    field = ada.get_by_label("New task in Doing")
    field.fill("Order the cake")
    field.press("Enter")

    for page in (ada, ben):
        expect(titles(page, "doing").last).to_have_text("Order the cake")
        expect(count(page, "doing")).to_have_text("6")
        expect(page.locator("#progress-text")).to_have_text("7 of 20 done")
    expect(field).to_have_value("")


def test_refused_title_is_said_to_the_one_who_wrote_it(ada: Page, ben: Page) -> None:
    ada.get_by_label("New task in Doing").fill("   ")
    ada.get_by_label("New task in Doing").press("Enter")

    expect(ada.locator("#message")).to_have_text("A task needs a title.")
    expect(ben.locator("#message")).to_have_text("")
    expect(cards(ben, "doing")).to_have_count(5)


@pytest.mark.excused(firefox="its driver sends no double click")
def test_double_click_renames(ada: Page, ben: Page) -> None:
    card(ada, "Rewrite the landing page headline").locator(".card-title").dblclick()
    ada.keyboard.type("Rewrite it all")
    ada.keyboard.press("Enter")

    for page in (ada, ben):
        expect(titles(page, "doing").last).to_have_text("Rewrite it all")
        expect(titles(page, "doing").last).to_be_visible()


def test_rename_is_saved_when_the_field_is_left(ada: Page, ben: Page) -> None:
    ada.bring_to_front()  # of two windows one has the focus
    choose(ada, "Rewrite the landing page headline", "Rename")
    ada.keyboard.type("Rewrite it all")
    ada.get_by_role("heading", level=1).click()

    expect(titles(ben, "doing").last).to_have_text("Rewrite it all")


@pytest.mark.excused(firefox="its driver sends no double click")
def test_escape_keeps_the_old_title(ada: Page, server: DemoServer) -> None:
    title = "Rewrite the landing page headline"
    card(ada, title).locator(".card-title").dblclick()
    ada.keyboard.type("Never mind")
    ada.keyboard.press("Escape")

    expect(titles(ada, "doing").last).to_be_visible()
    expect(titles(ada, "doing").last).to_have_text(title)
    ada.get_by_label("New task in Doing").fill("Later")
    ada.keyboard.press("Enter")
    expect(titles(ada, "doing").last).to_have_text("Later")
    assert server.query("SELECT COUNT(*) FROM board_task WHERE title = 'Never mind'") == [(0,)]


@pytest.mark.excused(firefox="its driver sends no double click")
def test_pushed_change_leaves_a_title_alone_that_is_being_typed(ada: Page, ben: Page) -> None:
    title = "Rewrite the landing page headline"
    card(ada, title).locator(".card-title").dblclick()
    ada.keyboard.type("Rewrite it")
    card(ben, title).get_by_role("checkbox").check()
    expect(ada.locator("#progress-text")).to_have_text("8 of 19 done")
    ada.keyboard.type(" all")
    ada.keyboard.press("Enter")

    expect(titles(ben, "doing").last).to_have_text("Rewrite it all")


def test_checkbox_ticks_in_both_windows(ada: Page, ben: Page) -> None:
    title = "Write the redirect list for old URLs"
    card(ada, title).get_by_role("checkbox").check()

    for page in (ada, ben):
        expect(card(page, title).get_by_role("checkbox")).to_be_checked()
        expect(page.locator("#progress-text")).to_have_text("8 of 19 done")
    expect(cards(ben, "todo")).to_have_count(9)


def test_menu_moves_a_card_to_another_column(ada: Page, ben: Page) -> None:
    title = "Write the redirect list for old URLs"
    choose(ada, title, "Done")

    for page in (ada, ben):
        expect(titles(page, "done").last).to_have_text(title)
        expect(card(page, title).get_by_role("checkbox")).to_be_checked()
        expect(cards(page, "todo")).to_have_count(8)
        expect(count(page, "todo")).to_have_text("8")


def test_menu_moves_a_card_up_and_down(ada: Page, ben: Page) -> None:
    first, second, third = titles(ada, "doing").all_text_contents()[:3]
    choose(ada, second, "Up")
    expect(titles(ben, "doing").first).to_have_text(second)
    down = ada.locator("#menu").get_by_role("button", name="Down", exact=True)
    down.click()
    expect(titles(ben, "doing").first).to_have_text(first)
    down.click()

    for page in (ada, ben):
        expect(titles(page, "doing").nth(2)).to_have_text(second)
        expect(titles(page, "doing").nth(1)).to_have_text(third)


def test_menu_assigns_a_card(ada: Page, ben: Page) -> None:
    title = "Photograph the team for the about page"
    choose(ada, title, "Cleo Marchetti Cleo")
    expect(card(ben, title).locator(".avatar")).to_have_text("CM")
    choose(ben, title, "Nobody")

    expect(card(ada, title).locator(".avatar")).to_have_count(0)


def test_menu_deletes_a_card(ada: Page, ben: Page) -> None:
    title = "Write the redirect list for old URLs"
    choose(ada, title, "Delete")

    for page in (ada, ben):
        expect(card(page, title)).to_have_count(0)
        expect(count(page, "todo")).to_have_text("8")


def test_menu_closes_when_its_card_is_deleted_elsewhere(ada: Page, ben: Page) -> None:
    title = "Write the redirect list for old URLs"
    card(ada, title).get_by_role("button").click()
    choose(ben, title, "Delete")

    expect(ada.locator("#menu")).to_be_hidden()


def test_card_is_dragged_into_another_column(ada: Page, ben: Page) -> None:
    title = "Write the redirect list for old URLs"
    drag(ada, title, cards(ada, "doing").nth(2))

    for page in (ada, ben):
        expect(titles(page, "doing").nth(2)).to_have_text(title)
    expect(ada.locator(".ghost, .drop-line, .is-dragged")).to_have_count(0)


def test_card_is_dragged_within_its_column(ada: Page, ben: Page) -> None:
    first, second, third = titles(ada, "doing").all_text_contents()[:3]
    drag(ada, third, cards(ada, "doing").first)

    for page in (ada, ben):
        expect(titles(page, "doing").nth(0)).to_have_text(third)
        expect(titles(page, "doing").nth(1)).to_have_text(first)
        expect(titles(page, "doing").nth(2)).to_have_text(second)


def test_keyboard_alone_moves_a_card(ada: Page, ben: Page) -> None:
    ada.bring_to_front()  # of two windows one has the focus
    title = "Write the redirect list for old URLs"
    card(ada, title).get_by_role("button").focus()
    ada.keyboard.press("Enter")
    ada.locator("#menu").get_by_role("button", name="Doing", exact=True).focus()
    ada.keyboard.press("Enter")

    expect(titles(ben, "doing").last).to_have_text(title)
    expect(card(ada, title).get_by_role("button")).to_be_focused()


def test_empty_column_says_so(ada: Page, server: DemoServer) -> None:
    text = "(list) => getComputedStyle(list, '::after').content"
    cards_of_column = ada.locator("[data-column=done] .cards")
    assert cards_of_column.evaluate(text) == "none"
    server.shell("Task.objects.filter(project=1, column='done').delete()")
    expect(cards(ada, "done")).to_have_count(0)

    assert cards_of_column.evaluate(text) == '"No tasks here"'


def test_renamed_person_is_renamed_on_the_cards(ada: Page, server: DemoServer) -> None:
    server.shell(
        "from django.contrib.auth.models import User; u = User.objects.get(username='ben'); "
        "u.last_name = 'Zorn'; u.save()"
    )

    expect(card(ada, "Write the redirect list for old URLs").locator(".avatar")).to_have_text("BZ")


def test_state_is_shown_in_words(ada: Page, server: DemoServer) -> None:
    expect(ada.locator(".state")).to_have_text("Live", use_inner_text=True)
    server.kill()
    expect(ada.locator(".state")).to_have_text("Offline", use_inner_text=True)

    server.restart()
    expect(ada.locator(".state")).to_have_text("Live", use_inner_text=True)


@pytest.mark.excused(firefox="its driver cannot switch JavaScript off")
def test_board_reads_without_javascript(login: Callable[..., Page], server: DemoServer) -> None:
    page = login("ada", java_script_enabled=False)
    page.goto("/board/1/")

    expect(titles(page, "doing").first).to_be_visible()
    expect(page.get_by_label("New task in Doing")).to_be_hidden()


@pytest.mark.excused(firefox="its driver sets the size of a window, and no phone")
def test_phone_shows_a_column_and_scrolls_to_the_next(login: Callable[..., Page], server: DemoServer) -> None:
    page = open_live(login("cleo", **PHONE), "/board/1/")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    expect(cards(page, "todo").first).to_be_in_viewport(ratio=1)
    card(page, "Write the redirect list for old URLs").get_by_role("button").tap()
    expect(page.locator("#menu")).to_be_in_viewport(ratio=1)
    page.locator("#menu").get_by_role("button", name="Doing", exact=True).tap()

    expect(titles(page, "doing").last).to_have_text("Write the redirect list for old URLs")


@pytest.mark.excused(firefox="its driver sets the size of a window, and no phone")
def test_pages_fit_a_phone(login: Callable[..., Page], server: DemoServer) -> None:
    page = login("cleo", **PHONE)
    for path in (
        "/",
        "/two/mia/",
        "/projects/",
        "/tasks/",
        "/board/1/",
        "/board/1/tasks/1/",
        "/dashboard/",
        "/reports/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 375


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.excused(firefox="its driver sets no color scheme")
def test_edit_is_as_readable_in_the_menu_as_its_neighbour(login: Callable[..., Page], color_scheme: str) -> None:
    page = open_live(login("ada", color_scheme=color_scheme), "/board/1/")
    card(page, "Write the redirect list for old URLs").get_by_role("button").click()
    look = (
        "(element) => { const {color, backgroundColor} = getComputedStyle(element); return [color, backgroundColor] }"
    )
    menu = page.locator("#menu")
    edit = menu.get_by_role("link", name="Edit", exact=True)

    assert edit.evaluate(look) == menu.get_by_role("button", name="Rename").evaluate(look)
    edit.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Write the redirect list for old URLs")


def test_keyboard_skips_to_the_content(ada: Page) -> None:
    ada.bring_to_front()
    ada.keyboard.press("Tab")
    expect(ada.get_by_text("Skip to the content")).to_be_focused()
    expect(ada.get_by_text("Skip to the content")).to_be_in_viewport(ratio=1)
    ada.keyboard.press("Enter")

    expect(ada.locator("main")).to_be_focused()


@pytest.mark.excused(firefox="its driver sends no double click")
def test_tab_through_the_cards_tells_nobody_that_one_is_edited(ada: Page, ben: Page) -> None:
    ada.bring_to_front()
    card(ada, "Write the redirect list for old URLs").get_by_role("checkbox").focus()
    for _ in range(4):
        ada.keyboard.press("Tab")
    assert "Photograph" not in ada.evaluate("document.activeElement.closest('.card').textContent")
    signs = "document.adoptedStyleSheets.flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join()"
    card(ada, "Agree on cookie banner wording with legal").locator(
        ".card-title"
    ).dblclick()  # what is told comes after

    ben.wait_for_function(f"{signs}.includes('--editor')")
    assert ben.evaluate(signs).count("--editor") == 1


def test_projects_follow_what_happens_on_their_boards(ada: Page, login: Callable[..., Page]) -> None:
    home = open_live(login("cleo"), "/projects/")
    project = home.locator(".project").filter(has_text="Website relaunch")
    expect(project).to_contain_text("7 of 19 done")
    card(ada, "Write the redirect list for old URLs").get_by_role("checkbox").check()

    expect(project).to_contain_text("8 of 19 done")


def test_dashboard_has_the_numbers_of_its_chart(ada: Page, login: Callable[..., Page]) -> None:
    page = open_live(login("cleo"), "/dashboard/")
    page.get_by_text("Numbers", exact=True).click()
    now = page.get_by_role("row").filter(has_text="Now").get_by_role("cell")
    expect(now.nth(0)).to_have_text("20")
    card(ada, "Write the redirect list for old URLs").get_by_role("checkbox").check()

    expect(now.nth(0)).to_have_text("19")
    expect(now.nth(1)).to_have_text("13")
    expect(page.get_by_role("row").filter(has_text="Two minutes ago").get_by_role("cell").nth(0)).to_have_text("20")


class TestSearch:
    """The list of all tasks of a user."""

    @pytest.fixture
    def search(self, login: Callable[..., Page]) -> Page:
        return open_live(login("cleo"), "/tasks/")

    def test_list_follows_the_search_and_the_board(self, search: Page, ada: Page) -> None:
        search.get_by_label("Search in titles").press_sequentially("navigation")
        found = search.locator(".found")
        expect(search.locator(".count-line")).to_have_text("1 found")
        expect(found.locator(".card-title")).to_have_text(["Build the new navigation for small screens"])
        search.wait_for_url("**/tasks/?q=navigation")

        ada.get_by_label("New task in Doing").fill("Test the navigation")
        ada.keyboard.press("Enter")
        expect(found.locator(".card-title").first).to_have_text("Test the navigation")
        found.first.get_by_role("checkbox").check()
        expect(card(ada, "Test the navigation").get_by_role("checkbox")).to_be_checked()
        search.get_by_label("Open").check()
        expect(found.locator(".card-title")).to_have_text(["Build the new navigation for small screens"])

    def test_several_projects_may_be_chosen(self, search: Page) -> None:
        found, boxes = search.locator(".found"), search.get_by_role("group", name="Projects").get_by_role("checkbox")
        names = [label.strip() for label in search.locator(".search label:has([name=projects])").all_text_contents()]
        assert len(names) == 2
        boxes.nth(0).focus()
        search.keyboard.press("Space")
        expect(found.filter(has_text=names[1])).to_have_count(0)
        first = int(search.locator(".count-line").inner_text().split()[0])
        assert found.filter(has_text=names[0]).count() > 0
        search.keyboard.press("Tab")
        search.keyboard.press("Space")
        expect(search.locator(".count-line")).to_have_text("32 found")
        search.reload()
        expect(boxes.nth(0)).to_be_checked()
        expect(boxes.nth(1)).to_be_checked()
        boxes.nth(1).uncheck()
        expect(search.locator(".count-line")).to_have_text(f"{first} found")

    def test_list_grows_as_the_reader_scrolls(self, search: Page, server: DemoServer) -> None:
        found = search.locator(".found")
        expect(found).to_have_count(15)
        search.locator(".realtime-more").scroll_into_view_if_needed()
        expect(found).to_have_count(30)
        server.shell("Task.objects.create(project_id=3, title='Meanwhile')")
        expect(found.first).to_contain_text("Meanwhile")

        search.locator(".realtime-more").scroll_into_view_if_needed()
        expect(found).to_have_count(33)  # nothing of "Mobile app 2.0"
        expect(search.locator(".count-line")).to_have_text("33 found")

    @pytest.mark.excused(firefox="its driver cannot switch JavaScript off")
    def test_form_and_link_work_without_javascript(self, login: Callable[..., Page], server: DemoServer) -> None:
        page = login("cleo", java_script_enabled=False)
        page.goto("/tasks/")
        page.get_by_role("link", name="Show more").click()
        expect(page.locator(".found")).to_have_count(30)
        page.get_by_label("Search in titles").fill("navigation")
        page.get_by_role("button", name="Search").click()

        expect(page.locator(".found")).to_have_count(1)


def test_report_shows_its_progress_outlives_a_reload_and_is_cancelled(login: Callable[..., Page]) -> None:
    page, other = open_live(login("ben"), "/reports/"), open_live(login("ben"), "/reports/")
    page.get_by_role("button", name="Write a report").click()
    expect(other.locator(".realtime-job-percent")).not_to_have_text("0 %")
    page.reload()
    expect(page.locator(".realtime-job-running")).to_have_count(1)
    page.get_by_role("button", name="Cancel: Report on all tasks").click()

    for each in (page, other):
        expect(each.locator(".realtime-job-cancelled")).to_have_count(1)
    other.get_by_role("button", name="Remove: Report on all tasks").click()
    expect(page.locator(".realtime-job")).to_have_count(0)


class TestOffline:
    """What a page shows that has lost its network."""

    def test_cards_that_wait_say_so_and_are_written_when_the_network_is_back(self, ada: Page, ben: Page) -> None:
        first, second, third = titles(ada, "todo").all_text_contents()[:3]
        self.cut(ada)
        choose(ada, first, "Done")
        choose(ada, second, "Done")
        card(ada, third).get_by_role("checkbox").uncheck()

        content = "(card) => getComputedStyle(card, '::after').content"
        for title in (first, second, third):
            assert card(ada, title).evaluate(content) == '"waits for the network"'
        assert titles(ada, "done").all_text_contents()[-2:] == [first, second]
        expect(ada.locator("#waiting")).to_have_text("3 changes wait for the network.")
        expect(cards(ben, "done")).to_have_count(5)

        ada.context.set_offline(False)
        for page in (ada, ben):
            expect(titles(page, "done").nth(5)).to_have_text(first)
            expect(titles(page, "done").nth(6)).to_have_text(second)
            expect(card(page, third).get_by_role("checkbox")).not_to_be_checked()
        expect(ada.locator("#waiting")).to_have_text("")
        assert card(ada, first).evaluate(content) == "none"
        expect(ada.locator("[data-calls]")).to_have_count(0)

    def test_deleted_card_is_gone_at_once(self, ada: Page, ben: Page) -> None:
        title = titles(ada, "todo").first.text_content() or ""
        self.cut(ada)
        choose(ada, title, "Delete")
        expect(card(ada, title)).to_have_count(0)
        expect(card(ben, title)).to_have_count(1)

        ada.context.set_offline(False)
        expect(card(ben, title)).to_have_count(0)

    def test_people_are_not_said_to_be_here(self, ada: Page) -> None:
        label = ada.locator(".here-label")
        expect(label).to_have_text("Here now", use_inner_text=True)
        self.cut(ada)

        expect(label).to_have_text("Last seen here", use_inner_text=True)
        border = "(person) => getComputedStyle(person).borderTopStyle"
        assert ada.locator(".person .avatar").first.evaluate(border) == "dashed"

    def cut(self, page: Page) -> None:
        page.context.set_offline(True)
        wait_for_state(page, "offline")
