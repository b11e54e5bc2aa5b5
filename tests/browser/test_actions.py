"""What a user does on the page is done in the database, or refused in words, at the place where it was done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, card, titles, wait_until_equal
from tests.browser.desk import Desk
from tests.support.demo import DemoServer
from tests.support.pages import wait_for_state

PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}

CALL = """([stream, params, action, args]) => window.realtime.call(stream, params, action, args).then(
    (result) => ({result}),
    ({code, name, message, details}) => ({code, name, message, details}),
)"""


def choose(page: Page, title: str, button: str) -> None:
    """Press a button in the menu of a card."""
    card(page, title).get_by_role("button").click()
    page.locator("#menu").get_by_role("button", name=button, exact=True).click()


def tab_to(page: Page, target: Locator, *, key: str = "Tab") -> None:
    """Go to an element with the keyboard alone."""
    for _ in range(60):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} never reaches {target}.")


def test_everything_that_is_done_on_the_board_is_in_the_database(ada: Page, ben: Page, board: Board) -> None:
    ada.get_by_label("New task in To do").fill("Added")
    ada.get_by_label("New task in To do").press("Enter")
    expect(titles(ben, "todo").last).to_have_text("Added")
    choose(ben, "Added", "Rename")
    ben.keyboard.type("Renamed")
    ben.keyboard.press("Enter")
    expect(titles(ada, "todo").last).to_have_text("Renamed")
    choose(ada, "Renamed", "Doing")
    expect(titles(ben, "doing").last).to_have_text("Renamed")
    card(ben, "Renamed").get_by_role("checkbox").check()
    expect(card(ada, "Renamed").get_by_role("checkbox")).to_be_checked()
    choose(ada, "One", "Delete")
    expect(titles(ben, "todo")).to_have_text(["Two", "Three"])

    assert board.titles("todo") == ["Two", "Three"]
    assert board.titles("doing") == ["Four", "Five", "Renamed"]
    assert board.write("tasks.get(title='Renamed').done")
    wait_until_equal(ada, ben)


def test_keyboard_alone_runs_the_board(ada: Page, ben: Page, board: Board) -> None:
    ada.bring_to_front()  # of two windows one has the focus
    tab_to(ada, ada.get_by_label("New task in To do"))
    ada.keyboard.type("Typed")
    ada.keyboard.press("Enter")
    expect(titles(ben, "todo").last).to_have_text("Typed")
    tab_to(ada, card(ada, "Typed").get_by_role("checkbox"), key="Shift+Tab")
    ada.keyboard.press("Space")
    expect(card(ben, "Typed").get_by_role("checkbox")).to_be_checked()
    tab_to(ada, card(ada, "Typed").get_by_role("button"))
    ada.keyboard.press("Enter")
    tab_to(ada, ada.locator("#menu").get_by_role("button", name="Doing", exact=True))
    ada.keyboard.press("Enter")

    expect(titles(ben, "doing").last).to_have_text("Typed")
    expect(card(ada, "Typed").get_by_role("button")).to_be_focused()
    wait_until_equal(ada, ben)


@pytest.mark.excused(firefox="its driver sets the size of a window, and no phone")
def test_finger_alone_runs_the_board_on_a_phone(desk: Desk, ben: Page, board: Board) -> None:
    phone = desk.alone("ada", **PHONE)
    desk.open_live("ada", board.path, page=phone)
    phone.get_by_label("New task in To do").tap()
    phone.keyboard.type("Tapped")
    phone.get_by_role("button", name="Add to To do").tap()
    expect(titles(ben, "todo").last).to_have_text("Tapped")
    card(phone, "Tapped").get_by_role("checkbox").tap()
    expect(card(ben, "Tapped").get_by_role("checkbox")).to_be_checked()
    card(phone, "Tapped").get_by_role("button").tap()
    phone.locator("#menu").get_by_role("button", name="Done", exact=True).tap()
    expect(titles(ben, "done")).to_have_text(["Tapped"])

    expect(titles(phone, "done")).to_have_text(["Tapped"])
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    wait_until_equal(phone, ben)


def test_error_stands_at_the_field_until_it_is_mended(open_body: Callable[..., Page], board: Board) -> None:
    page = open_body('<ul>{% live "notes" project=PK column="todo" %}</ul>')
    row = page.locator(f"[data-live-key='{board.key('Two')}']")
    field = row.get_by_label("Title", exact=True)
    field.fill("")
    field.press("Enter")
    expect(row.locator("[data-live-error=title]")).to_have_text("A task needs a title.")
    expect(field).to_have_value("")
    board.write("task = tasks.get(title='Two'); task.done = True; task.save()")
    expect(row.get_by_label("Done")).to_be_checked()
    field.fill("Mended")
    field.press("Enter")

    expect(row.locator("b")).to_have_text("Mended")
    expect(row.locator("[data-live-error=title]")).to_be_empty()
    wait_until_equal(page)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("refuse", "Not today."),
        ("crash", "Internal server error; see the server's log."),
        ("nothing", "The stream 'notes' has no action 'nothing'; it has: add, add_and_die, crash, refuse, rename."),
    ],
)
def test_form_whose_action_fails_says_so_and_keeps_the_text(
    open_body: Callable[..., Page], server: DemoServer, action: str, sentence: str
) -> None:
    server.expected_trouble.append("the secret of the vault")
    page = open_body(f"""{{% live "notes" project=PK %}}
        <div {{% live_actions "notes" project=PK %}}><form data-live-call="{action}">
        <input name="{"title" if action == "refuse" else ""}" id="text">
        <output data-live-error="" id="error"></output><button>Go</button></form></div>""")
    page.locator("#text").fill("Not lost")
    page.get_by_role("button", name="Go").click()

    expect(page.locator("#error")).to_have_text(sentence)
    expect(page.locator("#text")).to_have_value("Not lost")
    assert "vault" not in page.content()
    wait_for_state(page)


def test_stranger_can_neither_see_nor_change_a_project(desk: Desk, ada: Page, board: Board) -> None:
    cleo = desk.open_live("cleo", "/board/1/")
    params = {"project": board.pk}
    refusal = {
        "code": 4214,
        "name": "forbidden",
        "message": "You do not have permission to view the stream 'tasks' with these parameters.",
        "details": {},
    }
    assert cleo.evaluate(CALL, ["tasks", params, "add", {"title": "Hacked"}]) == refusal
    assert cleo.evaluate(CALL, ["tasks", params, "delete", {"pk": int(board.key("One"))}]) == refusal
    foreign = cleo.evaluate(CALL, ["tasks", {"project": 1}, "delete", {"pk": int(board.key("One"))}])
    assert foreign["name"] == "not_found"

    assert board.titles("todo") == ["One", "Two", "Three"]
    wait_until_equal(cleo, ada)


def test_refused_checkbox_goes_back(ada: Page, board: Board) -> None:
    checkbox = card(ada, "One").get_by_role("checkbox")
    checkbox.evaluate("(box) => { box.dataset.liveArgs = JSON.stringify({pk: 0}) }")
    checkbox.click()

    expect(ada.locator("#message")).to_have_text("The object of this call does not exist.")
    expect(checkbox).not_to_be_checked()


def test_call_made_offline_is_done_on_return(desk: Desk, ben: Page, board: Board) -> None:
    page = desk.alone("ada")
    desk.open_live("ada", board.path, page=page)
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    page.get_by_label("New task in To do").fill("Typed in a tunnel")
    page.get_by_label("New task in To do").press("Enter")
    expect(page.locator("form.add").first).to_have_attribute("aria-busy", "true")
    page.context.set_offline(False)

    for each in (page, ben):
        expect(titles(each, "todo").last).to_have_text("Typed in a tunnel")
    wait_until_equal(page, ben)
