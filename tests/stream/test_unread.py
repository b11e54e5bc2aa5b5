"""Unread rows: they are counted from the newest rows, which all share, and a marker of each user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connections
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

import realtime
from realtime import ModelStream
from realtime.actions.read_markers import KEPT_FOR
from realtime.auth.identity import Identity
from realtime.exceptions import Code, Forbidden, StreamDefinitionError
from realtime.models import Change, Job, Process, ReadMarker
from realtime.queries.page import unread_keys
from realtime.streams.registry import registry
from realtime.streams.unread_rows import position_of
from realtime.streams.validation import problems
from tests.models import Book, Note, Shelf
from tests.streams import NewsStream
from tests.support.wire import WireClient, until

User = get_user_model()


@pytest.fixture
def ada(elsewhere):
    return elsewhere(User.objects.create, username="ada")


@pytest.fixture
def ben(elsewhere):
    return elsewhere(User.objects.create, username="ben")


def page(user, source: str, **names) -> str:
    request = RequestFactory().get("/")
    request.user = user
    return Template("{% load realtime %}" + source).render(Context({"request": request, "user": user, **names}))


def unread(user, shelf: Shelf) -> list[str]:
    return unread_keys(user, NewsStream({"shelf": shelf.pk}, None))


def client(user) -> WireClient:
    return WireClient(Identity(user=str(user.pk)))


async def mark_read(reader: WireClient, shelf: Shelf, position: object) -> dict:
    """The reply to a call of the action."""
    fields = {
        "stream": "news:marker",
        "params": {"shelf": shelf.pk},
        "action": "mark_read",
        "args": {"position": position},
    }
    id = f"call-{len(reader.received)}".ljust(16, "-")
    reader.say([reader.protocol.text(type="call", id=id, **fields)])
    await until(lambda: any(message["type"] == "reply" and message["id"] == id for message in reader.received))
    return next(message for message in reader.received if message["type"] == "reply" and message["id"] == id)


class TestCount:
    async def test_rows_beyond_the_marker_are_unread_except_the_users_own(self, ada, ben, shelf, add, elsewhere):
        one, two, three = await add("one", "two", "three")
        assert await elsewhere.soon(unread, ada, shelf) == [str(each.pk) for each in (three, two, one)]
        await elsewhere.soon(realtime.mark_read, ada, "news", {"shelf": shelf.pk})
        own = await elsewhere.soon(Book.objects.create, shelf=shelf, title="own", owner=ada)
        (new,) = await add("new")
        assert await elsewhere.soon(unread, ada, shelf) == [str(new.pk)]
        assert str(own.pk) in await elsewhere.soon(unread, ben, shelf)

    async def test_rows_that_the_user_cannot_see_do_not_count(self, ada, shelf, add, elsewhere):
        await add("secret")
        assert await elsewhere.soon(unread, ada, shelf) == []

    def test_a_page_shows_the_number_and_marks_the_rows(self, ada, shelf, elsewhere):
        elsewhere(Book.objects.create, shelf=shelf, title="a")
        source = '{% live_unread "news" shelf=shelf.pk class="badge" %}{% live "news" shelf=shelf.pk container="ul" %}'
        html = page(ada, source, shelf=shelf)
        params = f"{{&quot;shelf&quot;:{shelf.pk}}}"
        assert f'<span data-live-unread-count="news" data-live-params="{params}" class="badge">1</span>' in html
        assert f' data-live-marker="{params}"' in html
        assert "<li data-live-unread data-live-key=" in html
        elsewhere(realtime.mark_read, ada, "news", {"shelf": shelf.pk})
        html = page(ada, source, shelf=shelf)
        assert 'class="badge"></span>' in html
        assert "data-live-unread " not in html

    def test_a_hundred_are_shown_as_more_than_99(self, ada, shelf, elsewhere):
        elsewhere(Book.objects.bulk_create, [Book(shelf=shelf, title="a") for _ in range(101)])
        assert ">99+</span>" in page(ada, '{% live_unread "news" shelf=shelf.pk %}', shelf=shelf)

    def test_anonymous_users_have_no_count_and_no_marks(self, shelf):
        assert page(AnonymousUser(), '{% live_unread "news" shelf=shelf.pk %}', shelf=shelf) == ""

    def test_a_user_without_access_gets_neither(self, shelf, elsewhere):
        mallory = elsewhere(User.objects.create, username="mallory")
        with pytest.raises(Forbidden):
            page(mallory, '{% live_unread "news" shelf=shelf.pk %}', shelf=shelf)
        with pytest.raises(Forbidden):
            realtime.mark_read(mallory, "news", {"shelf": shelf.pk})

    def test_a_stream_without_unread_by_is_refused(self, ada, shelf):
        with pytest.raises(StreamDefinitionError, match="has no unread rows"):
            page(ada, '{% live_unread "books" shelf=shelf.pk %}', shelf=shelf)
        with pytest.raises(StreamDefinitionError, match="has no unread rows"):
            realtime.mark_read(ada, "books", {"shelf": shelf.pk})


class TestLive:
    async def test_all_share_the_newest_rows(self, ada, ben, shelf, add):
        async with client(ada) as first, client(ben) as second:
            for each in (first, second):
                await each.subscribe("news:unread", shelf=shelf.pk)
            one, two = await add("one", "two")
            wanted = [{"position": str(each.pk), "owner": None} for each in (two, one)]
            await until(lambda: first.rows() == wanted == second.rows())

    async def test_the_marker_moves_on_every_page_of_the_user_and_on_no_other(self, ada, ben, shelf, add):
        (book,) = await add("one")
        async with client(ada) as first, client(ada) as second, client(ben) as other:
            for each in (first, second, other):
                await each.subscribe("news:marker", format="value:marker", shelf=shelf.pk)
            assert first.rows() == [{"position": None, "user": str(ada.pk)}]
            assert "error" not in await mark_read(first, shelf, str(book.pk))
            for each in (first, second):
                await until(lambda each=each: each.rows() == [{"position": str(book.pk), "user": str(ada.pk)}])
            frames = [message for message in other.received if message["type"] == "frame"]
            assert other.rows() == [{"position": None, "user": str(ben.pk)}]
            assert len(frames) == 1

    async def test_access_that_ends_ends_both(self, ada, shelf, add, elsewhere):
        async with client(ada) as reader:
            await reader.subscribe("news:unread", shelf=shelf.pk)
            await reader.subscribe("news:marker", id=2, format="value:marker", shelf=shelf.pk)
            await elsewhere.soon(User.objects.filter(pk=ada.pk).update, username="mallory")
            await until(lambda: reader.refusals == dict.fromkeys((1, 2), Code.FORBIDDEN), within=1)
            assert "error" in await mark_read(reader, shelf, "1")

    async def test_anonymous_users_and_strangers_are_refused(self, shelf, elsewhere):
        mallory = await elsewhere.soon(User.objects.create, username="mallory")
        for identity in (Identity(), Identity(user=str(mallory.pk))):
            async with WireClient(identity) as reader:
                await reader.subscribe("news:unread", shelf=shelf.pk)
                await reader.subscribe("news:marker", id=2, format="value:marker", shelf=shelf.pk)
                assert set(reader.refusals) == {1, 2}


class TestMarker:
    async def test_it_only_moves_forwards_to_a_row_that_the_user_can_see(self, ada, shelf, add, elsewhere):
        one, two = await add("one", "two")
        await add("secret")
        values = ReadMarker.objects.values_list("value", flat=True)
        async with client(ada) as reader:
            for position, expected in [(one.pk, one.pk), (2**62, two.pk), (one.pk, two.pk), (-5, two.pk)]:
                assert "error" not in await mark_read(reader, shelf, position)
                assert await elsewhere.soon(lambda: list(values.all())) == [expected]

    async def test_what_is_no_position_is_refused(self, ada, shelf, add, elsewhere):
        await add("one")
        async with client(ada) as reader:
            for position in (2**64, "x" * 500, None, [1], {"a": 1}, 1.5):
                assert (await mark_read(reader, shelf, position))["error"]["code"] == Code.INVALID
            assert await elsewhere.soon(ReadMarker.objects.count) == 0

    async def test_marking_the_same_again_writes_nothing(self, ada, shelf, add, elsewhere):
        await add("one")
        for _ in range(2):
            await elsewhere.soon(realtime.mark_read, ada, "news", {"shelf": shelf.pk})
            changes = await elsewhere.soon(Change.objects.filter(model="realtime.readmarker").count)
            assert changes <= 2
        assert await elsewhere.soon(Change.objects.filter(model="realtime.readmarker").count) == changes

    async def test_the_async_twin(self, ada, shelf, add, elsewhere):
        await add("one")
        await realtime.amark_read(ada, "news", {"shelf": shelf.pk})
        await sync_to_async(connections.close_all)()  # of the thread that it has run in
        assert await elsewhere.soon(unread, ada, shelf) == []

    def test_those_that_have_not_moved_for_a_year_are_deleted(self, ada, committed, capsys):
        kept = {"user": ada, "stream": "news", "value": 1}
        ReadMarker.objects.create(place="a", **kept, moved_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
        ReadMarker.objects.create(place="b", **kept)
        call_command("realtime_prune")
        assert "1 read markers deleted." in capsys.readouterr().out
        assert ReadMarker.objects.get().place == "b"


class Timed(ModelStream):
    """Jobs, by a time."""

    model = Job
    fields = ["id"]
    unread_by = "created_at"
    unread_except = "user"

    def authorize(self, user):
        return True

    def get_queryset(self):
        return Job.objects.order_by("pk")


class TestDeclaration:
    async def test_a_time_has_a_position_too(self, ada, elsewhere):
        registry.add("timed", Timed)
        try:
            boss = await elsewhere.soon(User.objects.create, username="boss")
            job = await elsewhere.soon(Job.objects.create, user=boss, name="a")
            keys = lambda: unread_keys(ada, Timed({}, None))  # noqa: E731 - run elsewhere
            assert await elsewhere.soon(keys) == [str(job.pk)]
            await elsewhere.soon(realtime.mark_read, ada, "timed")
            assert await elsewhere.soon(keys) == []
            later = job.created_at + timedelta(microseconds=1)
            new = await elsewhere.soon(Job.objects.create, user=boss, name="b", created_at=later)
            assert await elsewhere.soon(keys) == [str(new.pk)]
            assert position_of(later) - position_of(job.created_at) == 1
        finally:
            registry.remove("timed")
        assert "timed:unread" not in registry

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"model": Book, "unread_by": "pk"}, ""),
            ({"model": Job, "unread_by": "created_at", "unread_except": "user"}, ""),
            ({"model": Job, "unread_by": "pk"}, "unread_by names 'pk'"),  # a random UUID
            ({"model": Note, "unread_by": "text"}, "unread_by names 'text'"),
            ({"model": Note, "unread_by": "sent"}, "unread_by names 'sent'"),
            ({"model": Job, "unread_by": "ended_at"}, "unread_by names 'ended_at'"),  # may be null
            ({"model": Process, "unread_by": "heard", "unread_except": "pid"}, "unread_except names 'pid'"),
            ({"model": Book, "unread_except": "owner"}, "unread_except names 'owner'"),
        ],
    )
    def test_a_field_that_does_not_grow_is_an_error(self, options, problem):
        found = [each.message for each in problems(type("Made", (ModelStream,), options))]
        assert [problem in message for message in found] == ([True] if problem else [])
