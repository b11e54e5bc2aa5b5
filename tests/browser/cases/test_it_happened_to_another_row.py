"""Cases: a page acts for its reader, on what the reader did not mean."""

from __future__ import annotations

import pytest

from tests.browser.cases.conftest import Case
from tests.browser.desk import Traffic
from tests.support.pages import expect

LARGE = 9007199254740992
SECOND = """
Project.objects.bulk_create(Project(pk=each, name=str(each)) for each in (first, first + 1))
[each.members.set(User.objects.filter(username="ada")) for each in Project.objects.filter(pk__gte=first)]
Snippet.objects.bulk_create(Snippet(pk=each, project_id=each, position=0, html=html) for each in (first, first + 1))
"""

# the tests that follow are to have numbers that a script of theirs can hold
REMOVE = """
from django.db import connection
Snippet.objects.filter(pk__gte=first).delete()
connection.cursor().execute("UPDATE sqlite_sequence SET seq = 1000000 WHERE name = %s", [Snippet._meta.db_table])
"""


def test_the_call_changed_the_row_with_the_number_before(case: Case) -> None:
    """Numbers that JavaScript rounds: project and row end in 993, and their neighbours in 992."""
    button = """<li><button data-live-call="keep" data-live-args='{"pk": %s}'>keep</button></li>""" % (LARGE + 1)
    case.write(_block(SECOND), first=LARGE, html=button)
    body = f'{{% live "snippets" project={LARGE + 1} container="ul" %}}'
    page = case.desk.open_live("ada", case.board.page(body))
    page.locator("button").click()
    expect(page.locator("li")).to_have_text("kept")

    rows = """(project) => new Promise((done) => {
        realtime.live("snippets", {project}).subscribe((rows) => rows.length && done(rows))
    })"""
    assert page.evaluate(rows, str(LARGE + 1)) == [{"id": str(LARGE + 1), "html": "<li>kept</li>"}]
    assert page.evaluate(rows, str(LARGE))[0]["html"] == button
    case.write(_block(REMOVE), first=LARGE)


def _block(code: str) -> str:
    return "pass\n" + "".join(f"    {line}\n" for line in code.strip().splitlines())


@pytest.mark.websocket
def test_a_comment_made_me_join_and_delete(case: Case) -> None:
    """Sanitizers leave data attributes in: what a reader sees is bound only where the server has signed it."""
    evil = (
        """<div data-live="notes" data-live-params='{"project": PK}' data-live-presence></div>"""
        """<div data-live-stream="snippets" data-live-params='{"project": PK}'>"""
        """<button data-live-call="keep" data-live-args='{"pk": 1}'>click</button></div>"""
    ).replace("PK", str(case.board.pk))
    page = case.page = case.desk.blank("ada")
    traffic = Traffic(page)
    case.open(f"<li>{evil}</li>", page=page)
    traffic.clear()
    error = "new Promise((done) => document.addEventListener('realtime:error', ({detail}) => done(detail.name)))"
    page.evaluate(f"window.told = {error}; 0")
    page.get_by_text("click").click()
    assert page.evaluate("window.told") == "bad_arguments"

    assert [message for message in traffic.sent if message["type"] in ("subscribe", "call", "present")] == []


@pytest.mark.websocket
def test_markup_of_others_in_a_row_acted_in_its_list(case: Case) -> None:
    row = "<li><div data-live-ignore><button data-live-call='keep' data-live-args='{\"pk\": 1}'>a</button></div></li>"
    page = case.page = case.desk.blank("ada")
    traffic = Traffic(page)
    case.open(row, page=page)
    page.get_by_text("a").click()
    case.say(row.replace(">a<", ">b<"))

    expect(page.get_by_text("b")).to_be_visible()
    assert [message for message in traffic.sent if message["type"] == "call"] == []
