"""Cases: a row has changed, and what its reader was doing in it is lost."""

from __future__ import annotations

import pytest

from tests.browser.cases.conftest import Case
from tests.support.pages import expect

pytestmark = pytest.mark.engines

FIELD = '<div><input id="n" name="note"></div>'


def test_my_text_and_the_cursor_were_gone_when_a_line_came_above_the_field(case: Case) -> None:
    page = case.open(f"<li>{FIELD}</li>")
    page.locator("#n").press_sequentially("half a sentence")
    page.locator("#n").press("ArrowLeft")
    case.say(f"<li><div>Overdue</div>{FIELD}</li>")

    expect(page.locator("#n")).to_be_focused()
    assert page.locator("#n").evaluate("(field) => [field.value, field.selectionStart]") == ["half a sentence", 14]
    case.say(f"<li><fieldset><section>{FIELD}</section></fieldset></li>")
    page.keyboard.insert_text("!")
    expect(page.locator("#n")).to_have_value("half a sentenc!e")


@pytest.mark.excused(webkit="it has no moveBefore, so an iframe that moves is loaded again")
def test_the_video_began_again_when_it_got_a_frame(case: Case) -> None:
    """An iframe tells it by its own document, which is loaded anew when the element is taken out of the page."""
    frame = '<iframe id="film" srcdoc="film"></iframe>'
    page = case.open(f"<li>{frame}</li>")
    page.wait_for_function("() => document.getElementById('film').contentDocument?.body?.innerText === 'film'")
    page.evaluate("document.getElementById('film').contentWindow.mark = 1")
    case.say(f"<li><p>New</p><figure>{frame}</figure></li>")

    assert page.evaluate("document.querySelector('figure > #film').contentWindow.mark") == 1


def test_the_list_in_the_row_jumped_to_its_beginning(case: Case) -> None:
    box = '<div class="log" style="height: 2em; overflow: auto"><p id="end">1<br>2<br>3<br>4<br>5</p></div>'
    page = case.open(f"<li>{box}</li>", styles="")
    page.evaluate("document.querySelector('.log').scrollTop = 20")
    case.say(f"<li><div>one</div><section>{box}</section></li>")

    assert page.evaluate("document.querySelector('section .log').scrollTop") == 20


def test_the_dialog_closed_itself(case: Case) -> None:
    row = '<li>%s<dialog id="d"><p>Sure?</p></dialog><div popover id="p">menu</div></li>'
    page = case.open(row % "")
    page.evaluate("document.getElementById('d').show(), document.getElementById('p').showPopover()")
    case.say(row % "<div popover>another</div><dialog></dialog>")

    assert page.evaluate(
        "[document.getElementById('d').open, document.getElementById('p').matches(':popover-open')]"
    ) == [
        True,
        True,
    ]


@pytest.mark.excused(firefox="its driver cannot compose text", webkit="its driver cannot compose text")
def test_the_word_i_was_composing_was_cut_off(case: Case) -> None:
    page = case.open(f"<li>{FIELD}</li>")
    page.locator("#n").focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1})
    case.say(f"<li><div>Overdue</div>{FIELD}</li>")
    session.send("Input.imeSetComposition", {"text": "にほ", "selectionStart": 2, "selectionEnd": 2})
    session.send("Input.insertText", {"text": "日本"})

    expect(page.locator("#n")).to_have_value("日本")


def test_the_focus_was_lost_when_somebody_deleted_the_row(case: Case) -> None:
    row = '<li><button class="open">open %s</button><button class="done">done %s</button></li>'
    page = case.open(*(row % (n, n) for n in (1, 2, 3)))
    page.get_by_text("done 2").focus()
    case.write("snippets.filter(position=1).delete()")
    expect(page.locator("[data-live] > li")).to_have_count(2)

    expect(page.get_by_text("done 3")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_text("open 3")).to_be_focused()
