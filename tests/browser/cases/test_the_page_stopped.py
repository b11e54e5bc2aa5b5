"""Cases: one row is unusual, and the whole list stands still."""

from __future__ import annotations

import pytest

from tests.browser.cases.conftest import Case
from tests.support.pages import expect


def test_a_button_named_remove_stopped_my_list(case: Case) -> None:
    form = '<li><form><button name="remove">x</button><input name="matches"><input name="attributes">%s</form></li>'
    page = case.open(form % "a", "<li>other</li>")
    case.say(form % "b")
    case.write("snippets.filter(position=0).delete()")
    case.say("<li>changed</li>", row=1)

    assert page.locator("[data-live]").inner_text() == "changed"


NAMES = """() => {
    const names = new Set()
    for (let each = HTMLFormElement.prototype; each; each = Object.getPrototypeOf(each)) {
        for (const name of Object.getOwnPropertyNames(each)) names.add(name)
    }
    return [...names].filter((name) => !name.startsWith("_"))
}"""


def test_no_name_of_a_field_stops_a_list(case: Case) -> None:
    """All members of a form at once, in rows that are forms and in rows that hold one."""
    names: list[str] = case.desk.blank("ada").evaluate(NAMES)
    assert len(names) > 250
    fields = "".join(f'<input name="{name}">' for name in names)
    row, form = f"<li><form>{fields}%s</form></li>", f"<form>{fields}%s</form>"
    page = case.open(row % "a", form % "b", row % "c", form % "d")
    page.evaluate(
        """() => document.addEventListener("realtime:error", ({detail}) => (window.wrong = detail.message))"""
    )
    shows = "(text) => document.querySelector('[data-live]').textContent.replace(/\\s/g, '') === text"
    change = "snippets.filter(position=row).update(html=html)"
    case.write(change, row=0, html=row % "e")
    case.write(change, row=1, html=form % "f")
    page.wait_for_function(shows, arg="efcd")  # Playwright's own locators stumble over such forms
    case.write("snippets.filter(position__in=[0, 1]).update(position=models.F('position') + 10)")
    page.wait_for_function(shows, arg="cdef")
    case.write("snippets.filter(position__in=[2, 11]).delete()")
    case.write("Snippet.objects.create(project_id=pk, position=20, html=html)", html=form % "g")

    page.wait_for_function(shows, arg="deg")
    assert page.evaluate("window.wrong") is None


def test_a_form_named_query_selector_stopped_the_page(case: Case) -> None:
    """Forms shadow the members of the document too."""
    forms = "".join(
        f'<form name="{name}"></form>' for name in ("querySelectorAll", "activeElement", "createTreeWalker")
    )
    page = case.open(f"<li>{forms}<p>a</p></li>", "<li>b</li>")
    case.say(f"<li>{forms}<p>c</p></li>")
    case.write("snippets.filter(position=0).update(position=2)")

    expect(page.locator("[data-live] > li")).to_have_text(["b", "c"])


def test_an_extension_removed_a_row_and_all_rows_came_anew_each_time(case: Case) -> None:
    page = case.open("<li>a</li>", "<li>advertisement</li>", "<li>c</li>")
    told = "document.addEventListener('realtime:change', ({detail}) => (window.told ??= []).push(detail.reset))"
    page.evaluate(f"{told}; document.querySelectorAll('[data-live] > li')[1].remove()")
    case.say("<li>d</li>")
    case.say("<li>e</li>", row=2)

    assert page.evaluate("window.told") == [False, False]
    assert page.locator("[data-live] > li").all_inner_texts() == ["d", "e"]


def test_trusted_types_left_my_list_as_it_was(case: Case) -> None:
    page = case.open("<li>a</li>", types="realtime")
    case.say("<li>b<select><option>1</option></select></li>")

    assert page.locator("[data-live] > li > select").count() == 1


@pytest.mark.excused(webkit="its driver does not tell what the console says")
def test_a_policy_without_a_name_for_rows_said_nothing(case: Case) -> None:
    page = case.open("<li>a</li>", types="another")
    with (
        page.expect_console_message(lambda message: "cannot be shown" in message.text),
        page.expect_console_message(lambda message: "does not allow the policy 'realtime'" in message.text),
    ):
        case.write("snippets.update(html='<li>b</li>')")
    expect(page.locator("[data-live-error]")).to_have_text("a")
    case.desk.errors.clear()
