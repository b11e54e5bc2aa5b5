"""Viewer marks in the HTML of a page: what the reader of a row sees of it."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from realtime.queries.viewer_marks import as_seen_by

pytestmark = pytest.mark.once

MARKS = '<p data-live-unless-user="5">a</p><p data-live-if-user="6 7">b</p><div data-live-owner="5">c</div>'
SEEN = (
    '<p data-live-unless-user="5" hidden>a</p><p data-live-if-user="6 7" hidden>b</p>'
    '<div data-live-owner="5" data-live-own>c</div>'
)


def test_elements_for_others_are_hidden_and_own_ones_marked():
    assert as_seen_by(f"<li>{MARKS}</li>", User(pk=5)) == f"<li>{SEEN}</li>"


def test_visitor_owns_nothing_and_is_not_named():
    assert as_seen_by(MARKS, AnonymousUser()) == MARKS.replace('"6 7"', '"6 7" hidden')


@pytest.mark.parametrize(
    "theirs",
    [
        f"<div data-live-ignore>{MARKS}</div>",
        f'<DIV class="x" data-live-ignore="">{MARKS}<divider></divider>{MARKS}</DIV >',
        f"<section\ndata-live-ignore><div data-live-ignore>{MARKS}</div>{MARKS}</section>",
    ],
)
def test_nobody_chooses_who_sees_their_markup(theirs):
    assert (
        as_seen_by(f"<li>{MARKS}{theirs}{MARKS}{theirs}</li>", User(pk=5)) == f"<li>{SEEN}{theirs}{SEEN}{theirs}</li>"
    )


def test_markup_without_an_end_ends_with_the_row():
    assert as_seen_by(f"<li>{MARKS}<p data-live-ignore>{MARKS}", User(pk=5)).endswith(f"<p data-live-ignore>{MARKS}")
