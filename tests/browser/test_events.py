"""Events between pages: they come at once, to those who look at the same, and refusals are told."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

LISTEN = """() => {
    window.heard = []
    document.addEventListener("realtime:event", ({target, detail}) => window.heard.push([target.dataset.live, detail]))
}"""


def heard(page: Page, number: int = 1) -> list:
    page.wait_for_function("(number) => window.heard.length >= number", arg=number)
    return page.evaluate("window.heard")


def user(board: Board, name: str) -> str:
    return str(board.write(f"User.objects.get(username='{name}').pk"))


def test_event_reaches_the_containers_of_other_pages(desk: Desk, board: Board) -> None:
    path = board.page('{% live "notes" project=PK %}')
    ada, ben = (desk.open_live(user, path) for user in ("ada", "ben"))
    ben.evaluate(LISTEN)
    assert ada.evaluate(f"realtime.send('notes', {{column: null, project: {board.pk}}}, 'pointing', {{x: 3}})") is True
    assert heard(ben) == [["notes", {"name": "pointing", "sender": user(board, "ada"), "data": {"x": 3}}]]


def test_event_reaches_those_who_draw_themselves(desk: Desk, board: Board) -> None:
    ada, ben = (desk.open(user, board.page("<p>Nothing</p>")) for user in ("ada", "ben"))
    for page in (ada, ben):
        page.evaluate(f"() => {{ window.heard = []; window.notes = realtime.live('notes', {{project: {board.pk}}}) }}")
        page.evaluate("void window.notes.on('pointing', (data, {sender}) => window.heard.push([data.x, sender]))")
        wait_for_state(page)
    ada.evaluate("window.notes.send('pointing', {x: 3})")
    assert heard(ben) == [[3, user(board, "ada")]]
    assert ada.evaluate("window.heard") == []


def test_refused_event_is_told(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page('{% live "notes" project=PK %}'))
    page.evaluate("""() => {
        window.refused = []
        document.addEventListener("realtime:event-rejected", ({detail: {name, code}}) => refused.push([name, code]))
    }""")
    for number, name in enumerate(("pointing", "nothing"), start=1):
        page.evaluate(f"realtime.send('notes', {{column: null, project: {board.pk}}}, '{name}', {{x: 'x'}})")
        # over HTTP the request of the next event would take the place of the one that brings the refusal
        page.wait_for_function("(number) => window.refused.length === number", arg=number)
    assert page.evaluate("window.refused") == [["invalid", 4216], ["unknown_event", 4220]]


def test_event_is_lost_while_offline_and_the_next_one_comes(desk: Desk, board: Board) -> None:
    path = board.page('{% live "notes" project=PK %}')
    ada, ben = desk.alone("ada"), desk.open_live("ben", path)
    desk.open_live("ada", path, page=ada)
    ben.evaluate(LISTEN)
    send = f"(x) => realtime.send('notes', {{column: null, project: {board.pk}}}, 'pointing', {{x}})"
    ada.context.set_offline(True)
    wait_for_state(ada, "offline")
    assert ada.evaluate(send, 1) is False
    ada.context.set_offline(False)
    wait_for_state(ada)
    assert ada.evaluate(send, 2) is True
    assert [detail["data"] for _, detail in heard(ben)] == [{"x": 2}]


# Typing signs, which go after three seconds, stay until something else ends them.
KEEP_SIGNS = """
    const real = window.setTimeout
    window.setTimeout = (callback, delay, ...rest) => real(callback, delay === 3000 ? 2 ** 30 : delay, ...rest)
"""


def type_until_seen(writer: Page, reader: Page) -> None:
    """A typing sign may be lost: between two long polls nobody hears it."""

    def seen() -> bool:
        writer.get_by_label("Message", exact=True).press("e")
        return reader.locator("#typing").text_content() == "Ada is typing…"

    wait_until(seen, what="the typing sign")


def test_typing_shows_in_the_chat_and_goes_by_itself(desk: Desk) -> None:
    ada, ben = (desk.open_live(user, "/chat/1/") for user in ("ada", "ben"))
    type_until_seen(ada, ben)
    expect(ada.locator("#typing")).to_have_text("")
    expect(ben.locator("#typing")).to_have_text("")


def test_message_ends_the_sign_and_counts_as_unread_elsewhere(desk: Desk) -> None:
    ada, ben = desk.open_live("ada", "/chat/1/"), desk.blank("ben")
    ben.add_init_script(KEEP_SIGNS)
    desk.open_live("ben", "/chat/1/", page=ben)
    elsewhere = desk.open_live("cleo", "/chat/2/")
    type_until_seen(ada, ben)
    ada.get_by_label("Message", exact=True).fill("Hello, all")
    ada.get_by_role("button", name="Send").click()
    expect(ben.locator(".bubble-text").first).to_have_text("Hello, all")
    expect(ben.locator("#typing")).to_have_text("")
    expect(ada.get_by_label("Message", exact=True)).to_have_value("")
    unread = elsewhere.locator("[data-room='1'] .unread")
    expect(unread).to_have_text("1")
    for reader in (ben, ada):
        expect(reader.locator("[data-room='1'] .unread")).to_be_empty()

    desk.open_live("cleo", "/chat/1/")
    expect(unread).to_be_empty()
