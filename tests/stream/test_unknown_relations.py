"""Relations of kinds that nobody knows are followed by what `_meta` says of them, or refused; none stops the start."""

from __future__ import annotations

import pytest

from realtime.capture.tables import watched_tables
from realtime.streams.registry import registry
from realtime.streams.relations import follow
from realtime.streams.validation import problems
from tests.models import Book, Tag

TAGS = Book._meta.get_field("tags")


@pytest.fixture
def strange(monkeypatch):
    """A relation that derives from Django's, and answers to none of its questions."""

    def refuse(*args):
        raise AttributeError("'StrangeField' object has no such names")

    monkeypatch.setattr(TAGS, "m2m_field_name", refuse)
    monkeypatch.setattr(TAGS, "m2m_reverse_field_name", refuse)


def test_rows_between_are_found_by_their_foreign_keys(strange):
    [between, far] = follow(Book, "tags")
    assert (between.model, between.points, between.origin) == (TAGS.remote_field.through, "book", "id")
    assert (far.model, far.lookup) == (Tag, "tags")
    links = watched_tables()[TAGS.remote_field.through].links
    assert {(link.label, link.column.name) for link in links} >= {("tests.book", "book_id")}


def test_relation_without_rows_between_has_everything_read_afresh(monkeypatch):
    monkeypatch.setattr(TAGS.remote_field, "through", None)
    [far] = follow(Book, "tags")
    assert (far.model, far.whole) == (Tag, True)
    assert watched_tables()


def test_relation_that_raises_is_a_problem_of_its_stream(monkeypatch):
    stream = next(each for each in registry if each.model is Book and each.depends_on)
    monkeypatch.setattr("realtime.streams.stream.follow", lambda *args: 1 / 0)
    monkeypatch.setattr("realtime.streams.validation._valid", set())
    [problem] = [each for each in problems(stream) if "depends_on" in each.message]
    assert problem.message == (
        f"{stream.__name__}.depends_on cannot be followed: ZeroDivisionError('division by zero')."
    )
    watched_tables()  # as at start
