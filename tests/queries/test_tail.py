"""Ticks: answers to newcomers, resuming from any cursor, and failures that stay where they are."""

from __future__ import annotations

import json
import random

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.models import Change, Log
from realtime.queries.query_key import query_key
from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from realtime.streams.registry import registry
from tests.models import Book
from tests.queries.conftest import Live


class BookList(ModelStream):
    model = Book
    fields = ["title"]
    name = "list"

    def get_queryset(self):
        return Book.objects.order_by("title")


class Counted:
    """How often a log was read, and after which cursors."""

    def __init__(self, monkeypatch, log) -> None:
        self.cursors: list[str] = []
        self._read = log.read
        monkeypatch.setattr(log, "read", self.read)

    def read(self, after, *, limit):
        self.cursors.append(after)
        return self._read(after, limit=limit)


class TestManyCursors:
    """Clients that come back from many different places, and those who make places up."""

    PLACES = 60

    @pytest.fixture
    def places(self, live, shelf) -> list[tuple[str, int]]:
        """Cursors, each with the number of rows that came after it."""
        places = []
        for number in range(self.PLACES):
            places.append((live.log.head(), self.PLACES - number))
            Book.objects.create(shelf=shelf, title=f"{number:02}")
        return places

    def test_share_the_reading_of_the_log_and_each_is_sent_what_it_missed(self, live, shelf, places, monkeypatch):
        stream = registry.get("books")({"shelf": shelf.pk})
        wants = {Want(query_key(stream, "data"), cursor): stream for cursor, _ in places}
        live.tick()
        counted = Counted(monkeypatch, live.log)
        tick = live.tail.tick(wants, ())

        assert len(counted.cursors) <= 8
        for want, (_, missed) in zip(wants, places, strict=True):
            keys = [put["key"] for put in json.loads(tick.answers[want].delta)["puts"]]
            newest = list(Book.objects.order_by("-pk").values_list("pk", flat=True)[:missed])
            assert {str(pk) for pk in newest} <= set(keys)
            assert len(keys) <= 2 * missed

    def test_have_the_log_read_once_whenever_they_come(self, live, shelf, places, monkeypatch):
        """One after the other, each in a tick of its own; the newest first, for which the log is read most often."""
        monkeypatch.setattr("realtime.queries.missed_changes.CHEAP_CHANGES", 0)
        stream = registry.get("books")({"shelf": shelf.pk})
        live.tick()
        counted = Counted(monkeypatch, live.log)
        for cursor, missed in [*reversed(places), *places]:
            want = Want(query_key(stream, "data"), cursor)
            keys = [put["key"] for put in json.loads(live.tail.tick({want: stream}, ()).answers[want].delta)["puts"]]
            newest = list(Book.objects.order_by("-pk").values_list("pk", flat=True)[:missed])
            assert {str(pk) for pk in newest} <= set(keys)
            assert len(keys) <= 2 * missed
        own = 2 * len(places)
        assert len(counted.cursors) <= own + len(places)

    def test_that_are_too_old_are_not_read_from(self, live, shelf, places, monkeypatch):
        live.tail = Tail(live.log, max_changes=10)
        stream = registry.get("books")({"shelf": shelf.pk})
        live.tick()
        counted = Counted(monkeypatch, live.log)
        tick = live.tail.tick({Want(query_key(stream, "data"), cursor): stream for cursor, _ in places[:40]}, ())
        assert set(counted.cursors) <= {live.tail.cursor}
        assert all(json.loads(answer.delta)["reset"] for answer in tick.answers.values())

    def test_noise_among_them_spoils_nobody(self, live, shelf, places, monkeypatch):
        stream = registry.get("books")({"shelf": shelf.pk})
        epoch = places[0][0].partition(".")[0]
        noise = ["", "x.1", f"{epoch}.5", f"{epoch}.{10**17}-5", f"{epoch}.5:9:7~5-5", f"{epoch}.5-5~9-7-5"]
        cursors = [cursor for cursor, _ in places[-20:]]
        live.tick()
        counted = Counted(monkeypatch, live.log)
        wants = {Want(query_key(stream, "data"), cursor): stream for cursor in [*noise, *cursors]}
        tick = live.tail.tick(wants, ())
        assert len(counted.cursors) <= 8
        answers = {want.cursor: json.loads(answer.delta) for want, answer in tick.answers.items()}
        assert not any("reset" in answers[cursor] for cursor in cursors)
        assert all(answers[cursor]["reset"] for cursor in noise)


class TestTime:
    """A tick whose time is over."""

    def test_own_changes_wait_for_no_answer_and_the_next_tick_answers_whatever_comes(self, live, shelf, other_shelf):
        viewer = live("books", shelf=shelf.pk)
        Book.objects.create(shelf=shelf, title="new")
        live.tail.seconds = -1.0
        streams = [registry.get("top")({"shelf": place.pk}) for place in (shelf, other_shelf)]
        wants = {Want(query_key(stream, "data"), None): stream for stream in streams}
        one, other = wants

        tick = live.tail.tick(wants, (), (), [[other], [one]])
        assert viewer.query in tick.deltas
        assert (set(tick.answers), tick.deferred) == (set(), {one, other})

        Book.objects.create(shelf=shelf, title="newer")
        tick = live.tail.tick(wants, (), (), [[other], [one]])
        assert viewer.query in tick.deltas
        assert (set(tick.answers), tick.deferred) == ({other}, {one})
        assert set(live.tail.tick({one: wants[one]}, ()).answers) == {one}

    def test_answers_what_has_to_come_together_or_none_of_it(self, live, shelf, other_shelf):
        live.tail.seconds = -1.0
        streams = [registry.get("top")({"shelf": place.pk}) for place in (shelf, other_shelf)]
        wants = {Want(query_key(stream, "data"), None): stream for stream in streams}
        assert set(live.tail.tick(wants, (), (), [list(wants)]).answers) == set(wants)

    def test_reads_the_log_for_no_more_than_one_place(self, live, shelf, monkeypatch):
        live.tail.seconds = -1.0
        places = []
        for number in range(40):
            places.append(live.log.head())
            Book.objects.create(shelf=shelf, title=f"{number}")
        stream = registry.get("books")({"shelf": shelf.pk})
        live.tick()
        counted = Counted(monkeypatch, live.log)
        wants = {Want(query_key(stream, "data"), cursor): stream for cursor in places}
        left, rounds = dict(wants), 0
        while left:
            counted.cursors.clear()
            tick = live.tail.tick(left, (), (), [[want] for want in left])
            rounds += 1
            assert len(counted.cursors) <= 2  # one of them is the tick's own
            assert tick.answers
            left = {want: stream for want, stream in left.items() if want in tick.deferred}
        assert rounds <= 8


class TestResume:
    def test_cursor_of_the_present_brings_nothing(self, live, shelf):
        Book.objects.create(shelf=shelf, title="a")
        viewer = live("books", shelf=shelf.pk, cursor=live.log.head())
        assert (viewer.query is not None, viewer.delta) == (True, None)

    def test_only_what_was_missed_is_put(self, live, shelf):
        a = Book.objects.create(shelf=shelf, title="a")
        old = live("books", shelf=shelf.pk)
        b = Book.objects.create(shelf=shelf, title="b")
        viewer = live("books", shelf=shelf.pk, cursor=old.cursor, rows=old.replica.rows)

        assert [put["key"] for put in viewer.delta["puts"]] == [str(b.pk)]
        assert viewer.delta["puts"][0]["after"] == str(a.pk)
        assert viewer.keys == [str(a.pk), str(b.pk)]

    def test_other_partitions_changes_are_not_missed(self, live, shelf, other_shelf):
        cursor = live.log.head()
        Book.objects.create(shelf=other_shelf, title="a")
        assert live("books", shelf=shelf.pk, cursor=cursor).delta is None

    @pytest.mark.parametrize("cursor", ["", "x.1", "nonsense", "." * 100])
    def test_cursor_of_another_log_brings_all_rows(self, live, shelf, cursor):
        Book.objects.create(shelf=shelf, title="a")
        viewer = live("books", shelf=shelf.pk, cursor=cursor)
        assert (viewer.titles, viewer.delta["reset"]) == (["a"], True)

    def test_more_than_the_limit_was_missed_and_all_rows_come(self, live, shelf):
        cursor = live.log.head()
        live.tail = Tail(live.log, max_changes=2)
        for title in "abc":
            Book.objects.create(shelf=shelf, title=title)
        assert live("books", shelf=shelf.pk, cursor=cursor).delta["reset"] is True

    def test_deleted_without_its_values(self, live, shelf):
        """`Book(pk=...).delete()` knows nothing of the shelf."""
        book = Book.objects.create(shelf=shelf, title="a")
        old = live("books", shelf=shelf.pk)
        Book(pk=book.pk).delete()
        resumed = live("books", shelf=shelf.pk, cursor=old.cursor, rows=old.replica.rows)
        live.tick()
        assert resumed.titles == []

    def test_deleted_with_values_that_were_never_saved(self, live, shelf, other_shelf):
        book = Book.objects.create(shelf=shelf, title="a")
        old = live("books", shelf=shelf.pk)
        cursor, rows = old.cursor, dict(old.replica.rows)
        book.shelf = other_shelf
        book.delete()
        live.tick()
        resumed = live("books", shelf=shelf.pk, cursor=cursor, rows=rows)
        assert (old.titles, resumed.titles) == ([], [])

    def test_any_older_cursor_leads_to_the_present(self, live, shelf, other_shelf):
        """After each of many random writes, someone comes back from every cursor that there was."""
        chance = random.Random(5)
        states = []
        viewer = live("books", shelf=shelf.pk)
        for _ in range(25):
            write_something(chance, [shelf, other_shelf])
            live.tick()
            states.append((viewer.cursor, dict(viewer.replica.ordered)))
            fresh = Book.objects.filter(shelf=shelf).order_by("title", "pk")
            assert viewer.keys == [str(book.pk) for book in fresh]
        for cursor, rows in states:
            back = live("books", shelf=shelf.pk, cursor=cursor, rows=rows)
            assert back.replica.ordered == viewer.replica.ordered

    def test_who_comes_from_the_same_place_is_served_by_one_reading(self, live, shelf, other_shelf):
        cursor = live.tick().cursor
        Book.objects.create(shelf=shelf, title="a")
        stream = registry.get("books")
        bound = [stream({"shelf": chosen.pk}) for chosen in (shelf, other_shelf)]
        wants = {Want(query_key(one, format), cursor): one for one in bound for format in ("data", "html")}
        with CaptureQueriesContext(connection) as queries:
            tick = live.tail.tick(wants, [])

        about_changes = [query for query in queries.captured_queries if "realtime_change" in query["sql"]]
        assert len(tick.answers) == 4
        assert len(about_changes) <= 2  # since the last tick, and since their cursor, unless that is the tick's own

    @pytest.mark.parametrize("comers", [2, 20])
    def test_who_comes_from_many_places_costs_no_more_statements(self, live, shelf, comers):
        viewer = live("books", shelf=shelf.pk)
        cursors = []
        for number in range(comers):
            cursors.append(viewer.cursor)
            Book.objects.create(shelf=shelf, title=f"{number:02}")
            live.tick()
        wants = {Want(viewer.key, cursor): viewer.stream for cursor in cursors}
        with CaptureQueriesContext(connection) as queries:
            tick = live.tail.tick(wants, [])

        assert len(set(tick.answers)) == comers
        selects = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("SELECT")]
        assert len([sql for sql in selects if "tests_book" in sql]) <= 2  # the keys and the rows are read once
        assert len([sql for sql in selects if "realtime_change" in sql]) == 1


def write_something(chance: random.Random, shelves: list) -> None:
    with transaction.atomic():
        for _ in range(chance.randint(1, 4)):
            books = list(Book.objects.order_by("pk"))
            match chance.choice("iiumd") if books else "i":
                case "i":
                    Book.objects.create(shelf=chance.choice(shelves), title=chance.choice("abcd"))
                case "u":
                    book = chance.choice(books)
                    book.title = chance.choice("abcd")
                    book.save()
                case "m":
                    book = chance.choice(books)
                    book.shelf = chance.choice(shelves)
                    book.save()
                case "d":
                    chance.choice(books).delete()
        if chance.random() < 0.2:
            transaction.set_rollback(True)


class TestCost:
    def test_newcomer_to_a_live_query_does_not_render_what_nobody_needs(self, live, shelf):
        Book.objects.create(shelf=shelf, title="a")
        first = live("books", shelf=shelf.pk)
        with CaptureQueriesContext(connection) as queries:
            live("books", shelf=shelf.pk, cursor=first.cursor)
        assert [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]] == []

    def test_delta_is_encoded_once_for_all(self, live, shelf, monkeypatch):
        rendered = []
        monkeypatch.setattr(Book, "title_of", property(lambda book: rendered.append(book.pk) or "x"), raising=False)

        class Counted(BookList):
            name = "counted"
            fields = ["title_of"]

        viewers = [live(Counted) for _ in range(5)]
        rendered.clear()
        Book.objects.create(shelf=shelf, title="a")
        live.tick()
        assert (len(rendered), [len(viewer.keys) for viewer in viewers]) == (1, [1] * 5)


def failing(kind: str) -> type[ModelStream]:
    """A stream that fails in one of the ways that a user's code can."""

    class Failing(BookList):
        name = f"failing-{kind}"

        def get_queryset(self):
            if not self.broken:
                return Book.objects.order_by("title")
            if kind == "exception":
                raise RuntimeError("secret")
            if kind == "sql":
                return Book.objects.extra(where=["no_such_column = 1"])
            if kind == "no-queryset":
                return [1]
            if kind == "other-model":
                return Change.objects.all()
            return Book.objects.order_by("title")

        broken = False

    return Failing


@pytest.mark.parametrize("kind", ["exception", "sql", "no-queryset", "other-model"])
class TestFailures:
    """One live query fails, and nobody else notices."""

    def test_newcomer_is_told_and_the_others_go_on(self, live, shelf, kind, caplog):
        good = live("books", shelf=shelf.pk)
        Book.objects.create(shelf=shelf, title="a")
        stream = failing(kind)
        stream.broken = True
        bad = live(stream)

        assert (bad.query, good.titles) == (None, ["a"])
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "secret" not in caplog.records[0].getMessage()

    def test_it_fails_while_it_is_live(self, live, shelf, kind, caplog):
        good = live("books", shelf=shelf.pk)
        stream = failing(kind)
        bad = live(stream)
        Book.objects.create(shelf=shelf, title="a")
        stream.broken = True
        tick = live.tick()

        assert tick.failed == {bad.key}
        assert (good.titles, bad.delta) == (["a"], None)

    def test_it_comes_back_when_it_is_mended(self, live, shelf, kind, caplog):
        stream = failing(kind)
        live(stream)
        Book.objects.create(shelf=shelf, title="a")
        stream.broken = True
        live.tick()
        stream.broken = False
        again = live(stream)
        assert len(again.keys) == 1


class TestTheLogItself:
    def test_flushed_log_brings_everyone_to_the_present(self, live, shelf, caplog):
        viewer = live("books", shelf=shelf.pk)
        Book.objects.create(shelf=shelf, title="a")
        Change.objects.all().delete()
        Log.objects.all().delete()
        live.tick()
        assert (viewer.titles, viewer.delta["reset"]) == (["a"], True)
        assert [record.getMessage() for record in caplog.records] == [
            "The log of the database 'default' is not the one read before; reloading all rows."
        ]
        Book.objects.create(shelf=shelf, title="b")
        live.tick()
        assert (viewer.titles, len(caplog.records)) == (["a", "b"], 1)

    def test_tick_that_fails_can_be_repeated(self, live, shelf, monkeypatch):
        viewer = live("books", shelf=shelf.pk)
        Book.objects.create(shelf=shelf, title="a")

        class Away(Exception):
            pass

        with monkeypatch.context() as patch:
            patch.setattr(type(live.log), "read", lambda *args, **kwargs: (_ for _ in ()).throw(Away))
            with pytest.raises(Away):
                live.tick()
        live.tick()
        assert viewer.titles == ["a"]

    def test_database_that_does_not_answer_is_no_failure_of_a_live_query(self, live, shelf, monkeypatch):
        class Away(BookList):
            name = "away"

            def get_queryset(self):
                raise DatabaseError("gone")

        monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: False)
        with pytest.raises(DatabaseError):
            live(Away)

    def test_two_tails_see_the_same(self, live, shelf):
        other = Live()
        one, two = live("books", shelf=shelf.pk), other("books", shelf=shelf.pk)
        Book.objects.create(shelf=shelf, title="a")
        live.tick()
        other.tick()
        assert (one.titles, two.titles) == (["a"], ["a"])

    def test_tail_without_live_queries_reads_no_rows(self, committed, shelf):
        tail = Tail(Live().log, max_changes=10)
        tail.tick({}, [])
        with CaptureQueriesContext(connection) as queries:
            tail.tick({}, [])
        assert not [query for query in queries.captured_queries if "tests_" in query["sql"]]
