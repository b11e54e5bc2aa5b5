"""What a user is doing in a row stays as it is, whatever others change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, card, titles, wait_until_equal
from tests.browser.desk import Desk

NOTES = '<ul>{% live "notes" project=PK column="todo" %}</ul><ul>{% live "notes" project=PK column="doing" %}</ul>'

CARET = "(field) => [field.value, field.selectionStart, field.selectionEnd, document.activeElement === field]"


@pytest.fixture
def notes(open_body: Callable[..., Page]) -> Page:
    """A page with the notes of two columns."""
    return open_body(NOTES)


def note(page: Page, board: Board, title: str) -> Locator:
    return page.locator(f"[data-live-key='{board.key(title)}']")


def type_into(field: Locator, text: str, *, left: int) -> None:
    """Type a text in place of what is there, and put the caret so many characters to the left."""
    field.focus()
    field.press("ControlOrMeta+a")
    field.press_sequentially(text)
    for _ in range(left):
        field.press("ArrowLeft")


def change_all(board: Board, **changes: object) -> None:
    """Change the row `Two`, and another one after it, whose arrival says that the first has come too."""
    board.write(
        """
with transaction.atomic():
    task = tasks.get(title="Two")
    for name, value in changes.items():
        setattr(task, name, value)
    task.save()
    Task.objects.create(project_id=pk, title="Marker")
""",
        changes=changes,
    )


@pytest.mark.parametrize("role", ["Title", "Text"])
def test_text_and_caret_are_kept_while_the_row_changes(notes: Page, board: Board, role: str) -> None:
    row = note(notes, board, "Two")
    field = row.get_by_label(role, exact=True)
    type_into(field, "Mine, unfinished", left=5)
    change_all(board, title="Theirs", done=True)

    expect(row.locator("b")).to_have_text("Theirs")
    assert field.evaluate(CARET) == ["Mine, unfinished", 11, 11, True]
    notes.keyboard.type("!")
    expect(field).to_have_value("Mine, unfin!ished")


@pytest.mark.parametrize("position", [0, 9999])
def test_text_and_caret_are_kept_while_the_row_moves(notes: Page, board: Board, position: int) -> None:
    row = note(notes, board, "Two")
    field = row.get_by_label("Title", exact=True)
    type_into(field, "Mine, unfinished", left=5)
    change_all(board, position=position)

    expect(row.locator("i")).to_have_text(f"{position}.0")
    expect(notes.locator("ul").first.locator("b").nth(0 if position == 0 else 2)).to_have_text("Two")
    assert field.evaluate(CARET) == ["Mine, unfinished", 11, 11, True]


def test_text_and_caret_are_kept_while_the_row_moves_to_another_container(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    field = row.get_by_label("Title", exact=True)
    type_into(field, "Mine, unfinished", left=5)
    for column in ("doing", "todo"):
        board.write(f"tasks.get(title='Two').move('{column}')")
        expect(row).to_have_class(column)
        expect(notes.locator("ul").nth(["todo", "doing"].index(column)).locator("b").last).to_have_text("Two")
        assert field.evaluate(CARET) == ["Mine, unfinished", 11, 11, True]

    notes.keyboard.type("!")
    notes.keyboard.press("Enter")
    expect(row.locator("b")).to_have_text("Mine, unfin!ished")
    wait_until_equal(notes)


@pytest.mark.excused(firefox="its driver sends no double click")
def test_rename_on_the_board_survives_a_move_to_another_column(ada: Page, ben: Page, board: Board) -> None:
    card(ada, "Two").locator(".card-title").dblclick()
    ada.keyboard.type("Mine")
    board.write("tasks.get(title='Two').move('doing')")
    expect(titles(ben, "doing").last).to_have_text("Two")
    ada.keyboard.type(" now")
    ada.keyboard.press("Enter")

    for page in (ada, ben):
        expect(titles(page, "doing").last).to_have_text("Mine now")
    wait_until_equal(ada, ben)


def test_untouched_field_follows_while_another_has_the_focus(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    row.get_by_label("Text", exact=True).focus()
    change_all(board, title="Theirs")

    expect(row.get_by_label("Title", exact=True)).to_have_value("Theirs")


def test_field_that_was_left_untouched_shows_what_came_meanwhile(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    field = row.get_by_label("Title", exact=True)
    field.focus()
    change_all(board, title="Theirs")
    expect(row.locator("b")).to_have_text("Theirs")
    expect(field).to_have_value("Two")
    field.blur()

    expect(field).to_have_value("Theirs")


@pytest.mark.excused(firefox="its driver cannot compose text")
def test_composition_is_not_disturbed(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    field = row.get_by_label("Title", exact=True)
    type_into(field, "ab", left=1)
    method = notes.context.new_cdp_session(notes)
    field.evaluate("(field) => field.addEventListener('compositionend', () => window.ended = true)")
    method.send("Input.imeSetComposition", {"text": "にほ", "selectionStart": 2, "selectionEnd": 2})
    change_all(board, title="Theirs", position=0)
    expect(row.locator("b")).to_have_text("Theirs")

    assert field.input_value() == "aにほb"
    assert notes.evaluate("window.ended") is None
    method.send("Input.insertText", {"text": "日本"})
    expect(field).to_have_value("a日本b")
    assert field.evaluate(CARET) == ["a日本b", 3, 3, True]


def test_prose_that_is_being_edited_is_left_alone(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    prose = row.get_by_label("Prose")
    prose.focus()
    prose.press("End")
    notes.keyboard.type(" and more")
    change_all(board, title="Theirs")
    expect(row.locator("b")).to_have_text("Theirs")

    expect(prose).to_have_text("Two and more")
    notes.keyboard.type("!")
    expect(prose).to_have_text("Two and more!")


def test_what_is_open_stays_open(notes: Page, board: Board) -> None:
    row = note(notes, board, "Two")
    row.locator("summary").click()
    change_all(board, title="Theirs", position=0)

    expect(row.locator("b")).to_have_text("Theirs")
    expect(row.locator("details")).to_have_text("MoreTheirs")
    assert row.locator("details").evaluate("(details) => details.open")


def test_open_menu_of_a_card_stays_open(ada: Page, board: Board) -> None:
    card(ada, "Two").get_by_role("button").click()
    change_all(board, title="Theirs", position=0)

    expect(titles(ada, "todo").first).to_have_text("Theirs")
    expect(ada.locator("#menu")).to_be_visible()
    expect(ada.locator("#menu-title")).to_have_text("Theirs")


def test_checkbox_and_choice_of_the_user_stay_and_untouched_ones_follow(notes: Page, board: Board) -> None:
    mine, theirs = note(notes, board, "Two"), note(notes, board, "One")
    mine.get_by_label("Done").check()
    mine.get_by_label("Column").select_option("doing")
    board.write("""
with transaction.atomic():
    for title in ["One", "Two"]:
        task = tasks.get(title=title)
        task.title = f"{title} more"
        task.done = title == "One"
        task.save()
""")

    expect(mine.locator("b")).to_have_text("Two more")
    expect(mine.get_by_label("Done")).to_be_checked()
    expect(mine.get_by_label("Column")).to_have_value("doing")
    expect(theirs.get_by_label("Done")).to_be_checked()


def test_selected_text_stays_selected(notes: Page, board: Board) -> None:
    row = note(notes, board, "One")
    row.locator("b").evaluate("(element) => getSelection().selectAllChildren(element)")
    change_all(board, title="Theirs", position=0)
    expect(notes.locator("b").first).to_have_text("Theirs")

    assert notes.evaluate("getSelection().toString()") == "One"


def test_scroll_of_a_column_is_kept(desk: Desk, board: Board) -> None:
    board.write("for number in range(40): Task.objects.create(project_id=pk, title=f'Filler {number}')")
    page = desk.open_live("ada", board.path)
    column = page.locator("[data-column=todo] [data-live]")
    column.evaluate("(list) => { list.scrollTop = 300 }")
    board.write("Task.objects.create(project_id=pk, title='Last') and None")
    expect(titles(page, "todo").last).to_have_text("Last")

    assert column.evaluate("(list) => list.scrollTop") == 300
