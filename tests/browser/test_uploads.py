"""Forms with files: the progress, errors that keep the file, the redirect, a cancelled upload, and no JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.board import Board
from tests.browser.desk import Desk

PATH = "/upload/"
FILE = {"name": "lines.csv", "mimeType": "text/csv", "buffer": b"x" * 300_000}


@pytest.fixture
def page(desk: Desk, board: Board) -> Page:
    page = desk.open("ada", PATH)
    page.wait_for_function("window.realtime")
    page.get_by_label("File").set_input_files(FILE)
    return page


def test_the_redirect_is_followed_once_and_its_message_is_shown(page: Page) -> None:
    page.get_by_label("Title").fill("Lines")
    page.evaluate("""() => {
        window.seen = []
        document.addEventListener("realtime:upload", ({detail}) => window.seen.push(detail.loaded <= detail.total))
        addEventListener("pagehide", () => sessionStorage.setItem("seen", JSON.stringify(window.seen)))
    }""")
    page.get_by_role("button", name="Send").click()

    expect(page.locator(".message")).to_have_text("Lines: 300000 bytes.")
    expect(page.get_by_label("Title")).to_have_value("")
    seen = page.evaluate("JSON.parse(sessionStorage.getItem('seen'))")
    assert seen
    assert all(seen)


def test_errors_are_shown_at_the_form_which_keeps_its_file(page: Page) -> None:
    page.get_by_role("button", name="Send").press("Enter")

    expect(page.locator(".errorlist")).to_have_text("This field is required.")
    expect(page.get_by_label("Title")).to_be_focused()
    assert page.get_by_label("File").evaluate("input => input.files[0].name") == "lines.csv"
    page.get_by_label("Title").fill("Again")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message")).to_have_text("Again: 300000 bytes.")


def test_what_the_server_refuses_is_said_and_the_form_stays(page: Page) -> None:
    page.get_by_label("Title").fill("too large")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("alert")).to_have_text("The upload failed (413). Try again, or choose another file.")
    expect(page.get_by_label("Title")).to_have_value("too large")
    assert page.get_by_label("File").evaluate("input => input.files.length") == 1


def test_the_user_sees_the_progress_and_cancels(page: Page) -> None:
    held: list[Route] = []
    page.route("**/upload/", lambda route: held.append(route))
    page.get_by_label("Title").fill("Lines")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()
    expect(page.locator("form")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Cancel upload").press("Enter")

    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator("form")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_label("Title")).to_have_value("Lines")
    page.unroute("**/upload/")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message")).to_have_text("Lines: 300000 bytes.")


def test_a_lost_connection_is_said(page: Page) -> None:
    page.route("**/upload/", lambda route: route.abort())
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("alert")).to_have_text("The upload failed. Check your connection, and try again.")


def test_it_is_a_plain_form_without_javascript(desk: Desk, board: Board) -> None:
    page = desk.alone("ada", java_script_enabled=False)
    page.goto(PATH)
    page.get_by_label("File").set_input_files(FILE)
    page.get_by_label("Title").fill("Plain")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message")).to_have_text("Plain: 300000 bytes.")
