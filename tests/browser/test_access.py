"""Who may not see a board: what the page shows of that, and that its rows leave."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.board import Board, cards
from tests.browser.desk import Desk
from tests.support.demo import session_cookie
from tests.support.pages import wait_for_state


def test_revoked_member_loses_the_rows(desk: Desk, board: Board) -> None:
    path = board.page('{% live "notes" project=PK %}')
    ada, ben = (desk.open_live(user, path) for user in ("ada", "ben"))
    board.write("Project.objects.get(pk=pk).members.remove(User.objects.get(username='ben'))")
    board.write("Task.objects.create(project_id=pk, title='Secret') and None")
    expect(ada.locator("b").last).to_have_text("Secret")

    wait_for_state(ben, "refused")
    expect(ben.locator("[data-live-key]")).to_have_count(0)
    assert "Secret" not in ben.content()
    wait_for_state(ada)


def test_member_revoked_while_away_is_refused_on_return(desk: Desk, board: Board) -> None:
    page = desk.alone("ben")
    desk.open_live("ben", board.path, page=page)
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    expect(cards(page, "todo")).to_have_count(3)
    board.write("Project.objects.get(pk=pk).members.remove(User.objects.get(username='ben'))")
    page.context.set_offline(False)

    wait_for_state(page, "refused")
    expect(page.locator("[data-live-key]")).to_have_count(0)
    expect(page.locator(".state")).to_have_text("No access", use_inner_text=True)


def test_forged_token_is_refused_and_the_rest_of_the_page_lives_on(desk: Desk, board: Board) -> None:
    page = desk.blank("ada")
    page.add_init_script("""
        document.addEventListener("DOMContentLoaded", () => document.getElementById("bad").firstElementChild
            .setAttribute("data-live-token", "WyJ0YXNrcyIseyJwcm9qZWN0IjoyfSwiaHRtbCIsIjEiXQ:1xVdFt:forged"))
        window.errors = []
        document.addEventListener("realtime:error", ({detail}) => window.errors.push(detail.name))
    """)
    body = '<div id="bad">{% live "notes" project=PK %}</div><div id="good">{% live "notes" project=PK %}</div>'
    desk.open_live("ada", board.page(body), page=page)

    expect(page.locator("#bad [data-live]")).to_have_attribute("data-live-state", "refused")
    expect(page.locator("#bad [data-live-key]")).to_have_count(0)
    expect(page.locator("#good [data-live]")).to_have_attribute("data-live-state", "live")
    assert page.evaluate("window.errors") == ["token_invalid"]
    board.write("tasks.get(title='One').delete()")
    expect(page.locator("#good [data-live-key]")).to_have_count(4)


def test_page_that_another_user_logs_in_beside_is_refused(desk: Desk, board: Board) -> None:
    page = desk.alone("ada")
    desk.open_live("ada", board.page('{% live "notes" project=PK %}'), page=page)
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    page.context.add_cookies([session_cookie("cleo", board.server.url)])
    page.context.set_offline(False)

    wait_for_state(page, "refused")
    expect(page.locator("[data-live-key]")).to_have_count(0)
