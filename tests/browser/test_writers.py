"""Whoever writes, two windows show it: a page, the admin, other processes; and nobody sees what is rolled back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.board import Board, card, titles, wait_until_equal
from tests.browser.desk import Desk, Traffic
from tests.support.demo import DemoServers
from tests.support.pages import wait_for_state


def expect_titles(wanted: list[str], *pages: Page, column: str = "todo") -> None:
    for page in pages:
        expect(titles(page, column)).to_have_text(wanted)


def test_change_in_one_window_reaches_the_other(ada: Page, ben: Page, board: Board) -> None:
    card(ada, "Two").get_by_role("checkbox").check()

    for page in (ada, ben):
        expect(card(page, "Two").get_by_role("checkbox")).to_be_checked()
    wait_until_equal(ada, ben)


def test_form_of_the_admin_reaches_both(ada: Page, ben: Page, board: Board, desk: Desk) -> None:
    admin = desk.open("ada", f"/admin/board/task/{board.key('Two')}/change/")
    admin.locator("[name=title]").fill("From the admin")
    admin.locator("[name=column]").select_option("doing")
    admin.locator("[name=position]").fill("")
    admin.locator("[name=_save]").click()

    expect_titles(["Four", "Five", "From the admin"], ada, ben, column="doing")
    wait_until_equal(ada, ben)


def test_delete_in_the_list_of_the_admin_reaches_both(ada: Page, ben: Page, board: Board, desk: Desk) -> None:
    admin = desk.open("ada", f"/admin/board/task/?project__id__exact={board.pk}")
    for title in ("One", "Three"):
        admin.locator(f".action-select[value='{board.key(title)}']").check()
    admin.locator("select[name=action]").select_option("delete_selected")
    admin.locator("[name=index]").click()
    admin.locator("#content form [type=submit]").click()

    expect_titles(["Two"], ada, ben)
    wait_until_equal(ada, ben)


def test_shell_in_another_process_reaches_both(ada: Page, ben: Page, board: Board) -> None:
    board.server.shell(f"task = Task.objects.get(pk={board.key('One')}); task.title = 'From the shell'; task.save()")

    expect_titles(["From the shell", "Two", "Three"], ada, ben)
    wait_until_equal(ada, ben)


def test_plain_create_in_a_script_reaches_both(ada: Page, ben: Page, board: Board) -> None:
    board.write("Task.objects.create(project_id=pk, title='From a script') and None")

    expect_titles(["One", "Two", "Three", "From a script"], ada, ben)
    wait_until_equal(ada, ben)


def test_second_server_on_the_same_file_reaches_both(
    ada: Page, board: Board, desk: Desk, servers: DemoServers
) -> None:
    second = servers()
    ben = desk.alone("ben", url=second.url)
    desk.open_live("ben", board.path, page=ben)
    card(ben, "One").get_by_role("checkbox").check()
    expect(card(ada, "One").get_by_role("checkbox")).to_be_checked()
    card(ada, "Two").get_by_role("checkbox").check()

    expect(card(ben, "Two").get_by_role("checkbox")).to_be_checked()
    wait_until_equal(ada, ben)
    ben.close()
    second.stop()


def test_rolled_back_transaction_reaches_none(ada: Page, ben: Page, board: Board) -> None:
    seen = [watch_texts(page) for page in (ada, ben)]
    board.write("""
try:
    with transaction.atomic():
        Task.objects.create(project_id=pk, title="Never")
        tasks.get(title="One").delete()
        raise RuntimeError
except RuntimeError:
    Task.objects.create(project_id=pk, title="Later")
""")

    expect_titles(["One", "Two", "Three", "Later"], ada, ben)
    for page, texts in zip((ada, ben), seen, strict=True):
        assert not any("Never" in text for text in page.evaluate(texts))
        assert all("One" in text for text in page.evaluate(texts))


def watch_texts(page: Page) -> str:
    """Note what the first column says after each change; return the expression that gives the notes."""
    page.evaluate("""() => {
        const list = document.querySelector("[data-column=todo] [data-live]")
        window.texts = [list.textContent]
        new MutationObserver(() => window.texts.push(list.textContent)).observe(list, {childList: true, subtree: true})
    }""")
    return "window.texts"


def test_write_before_the_script_runs_is_shown(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")  # its cache is empty: the script is asked for
    held: list[Route] = []
    page.route("**/realtime/realtime*.js", lambda route: held.append(route))
    page.goto(board.path, wait_until="commit")
    expect_titles(["One", "Two", "Three"], page)
    board.write("tasks.get(title='One').delete(); Task.objects.create(project_id=pk, title='Meanwhile')")
    assert page.evaluate("document.documentElement.dataset.realtime") is None
    held[0].continue_()

    expect_titles(["Two", "Three", "Meanwhile"], page)
    wait_until_equal(page)


@pytest.mark.websocket
def test_write_before_the_socket_connects_is_shown(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")
    said: list[str | bytes] = []
    held: list[WebSocketRoute] = []

    def hold(socket: WebSocketRoute) -> None:
        socket.on_message(lambda message: said.append(message))
        held.append(socket)

    page.route_web_socket("**/realtime/ws/", hold)
    desk.open("ada", board.path, page=page)
    wait_for_state(page, "connecting")
    board.write("tasks.get(title='One').delete(); Task.objects.create(project_id=pk, title='Meanwhile')")
    expect_titles(["One", "Two", "Three"], page)
    server = held[0].connect_to_server()
    held[0].on_message(lambda message: server.send(message))
    for message in said:
        server.send(message)

    expect_titles(["Two", "Three", "Meanwhile"], page)
    wait_for_state(page)
    wait_until_equal(page)


def test_fifty_rapid_changes_leave_every_window_equal(ada: Page, ben: Page, board: Board) -> None:
    board.write("""
import random
dice = random.Random(7)
columns = ["todo", "doing", "done"]
for number in range(50):
    task = dice.choice(tasks.all())
    match number % 5:
        case 0: Task.objects.create(project_id=pk, title=f"New {number}", column=dice.choice(columns))
        case 1: task.move(dice.choice(columns), before=dice.choice(tasks.all()).pk)
        case 2: task.title = f"Renamed {number}"; task.save()
        case 3: task.done = not task.done; task.save()
        case 4: task.delete()
""")

    wait_until_equal(ada, ben)


@pytest.mark.websocket
def test_thousand_rows_of_a_transaction_arrive_in_one_frame(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open_live("ada", board.page('<table>{% live "lines" project=PK container="tbody" %}</table>'), page=page)
    traffic.clear()
    board.write("""
with transaction.atomic():
    for number in range(1000):
        Task.objects.create(project_id=pk, title=f"Row {number}", position=-number)
""")
    expect(page.locator("tr")).to_have_count(1005)

    [frame] = traffic.frames
    [delta] = frame["deltas"]
    assert len(delta["puts"]) == 1000
    wait_until_equal(page)
