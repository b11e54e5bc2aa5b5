"""A page whose user reads another language: what they are told is in it, whoever says it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk

BODY = """{% live "notes" project=PK %}
<div {% live_actions "notes" project=PK %}><form data-live-call="rename"><input type="file" name="title" id="file">
<output data-live-error="" id="error"></output><button>Go</button></form></div>"""
REFUSED = """async (project) => {
  try { await realtime.call("tasks", {project}, "toggle", {pk: 1}) } catch (error) { return error.message }
}"""


def german(desk: Desk, board: Board, body: str) -> Page:
    return desk.open_live("ada", board.page(body), page=desk.alone("ada", locale="de-DE"))


@pytest.mark.excused(firefox="its driver sets no language of requests")
def test_server_and_script_speak_the_language_of_the_page(desk: Desk, board: Board) -> None:
    page = german(desk, board, BODY)

    page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#error")).to_have_text(
        "Das Feld „title“ enthält eine Datei: Dateien werden nicht mit einer Aktion gesendet."
    )
    assert page.evaluate(REFUSED, 10**6) == "Sie dürfen den Stream 'tasks' mit diesen Parametern nicht sehen."


def test_english_page_carries_no_sentences(ada: Page) -> None:
    assert ada.locator("script[data-realtime-sentences]").count() == 0
    assert (
        ada.evaluate(REFUSED, 10**6) == "You do not have permission to view the stream 'tasks' with these parameters."
    )
