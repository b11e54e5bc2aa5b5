"""Frames of one round: a client gets all that a round brings it in one, and does not wait for what is for others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from realtime.auth.identity import Identity
from realtime.hub import slow_queries
from realtime.hub.hub import get_hub
from tests.models import Book
from tests.support.streams import WaitingBooks, registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


class Last(WaitingBooks):
    """The last book of a shelf, for which a round waits until the test lets it go on."""

    breaks = False

    def get_queryset(self, shelf):
        books = super().get_queryset(shelf)
        if Last.breaks:  # the transaction is aborted, and the round reads everything again
            Last.breaks = False
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
        return books.order_by("-pk")[:1]  # read after those that are read together


@pytest.fixture(autouse=True)
def stream(settings, monkeypatch):
    settings.REALTIME_QUERY_SECONDS = seconds(60)
    monkeypatch.setattr(slow_queries, "SLOW_PART", 1.0)  # never read apart
    monkeypatch.setattr("realtime.queries.round.EARLY_SECONDS", 0)
    Last.reset()
    Last.breaks = False
    with registered(last=Last):
        yield
        Last.go_on.set()


def queries(client: WireClient) -> list[set[int]]:
    """The live queries of each frame that has brought something."""
    frames = [{delta["query"] for delta in frame["deltas"]} for frame in client.protocol.frames]
    return [found for found in frames if found]


async def test_client_does_not_wait_for_what_others_are_sent(shelf, add):
    async with WireClient() as quick, WireClient() as late, WireClient() as both:
        await quick.subscribe("top", shelf=shelf.pk)
        await late.subscribe("last", shelf=shelf.pk)
        await both.subscribe("top", id=1, shelf=shelf.pk)
        await both.subscribe("last", id=2, shelf=shelf.pk)
        seen = len(queries(both))
        Last.waits = True
        await add("a")
        await until(lambda: quick.titles() == ["a"])
        await until(Last.reading.is_set)
        assert (late.titles(), both.titles(1), both.titles(2)) == ([], [], [])
        assert get_hub().positions() == {}  # no cursor is true for all clients
        Last.go_on.set()
        await until(lambda: late.titles() == ["a"] and both.titles(2) == ["a"])
        assert [len(found) for found in queries(both)[seen:]] == [2]  # the transaction is whole
        await until(lambda: get_hub().positions())


async def test_client_with_a_request_gets_the_answer_and_the_change_in_one_frame(shelf, add):
    async with WireClient() as late, WireClient() as asking:
        await late.subscribe("last", shelf=shelf.pk)
        await asking.subscribe("top", id=1, shelf=shelf.pk)
        Last.waits = True
        await add("a")
        await until(Last.reading.is_set)
        asking.say(asking.protocol.subscribe(2, stream="last", params={"shelf": shelf.pk}))
        Last.go_on.set()
        await until(lambda: asking.protocol.live and asking.titles(2) == ["a"])
        assert asking.titles(1) == ["a"]


async def test_access_is_checked_before_the_first_frame_and_once(shelf, add, elsewhere, monkeypatch):
    def rename_and_add() -> None:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(is_active=False)
            Book.objects.create(shelf=shelf, title="a")

    user = await elsewhere.soon(User.objects.create_user, "ann")
    async with WireClient(Identity(str(user.pk))) as quick, WireClient() as late:
        await quick.subscribe("top", shelf=shelf.pk)
        await late.subscribe("last", shelf=shelf.pk)
        events: list[str] = []
        deliver, reauthorize = quick.connection.deliver, quick.connection.reauthorize
        monkeypatch.setattr(quick.connection, "deliver", lambda each: (events.append("frame"), deliver(each)))
        monkeypatch.setattr(quick.connection, "reauthorize", lambda who: (events.append("check"), reauthorize(who)))
        Last.waits = True
        await elsewhere.soon(rename_and_add)
        await until(lambda: "frame" in events)
        assert not Last.go_on.is_set()
        Last.go_on.set()
        await until(lambda: late.titles() == ["a"])
        assert events[:2] == ["check", "frame"]
        assert events.count("check") == 1


@pytest.fixture
async def interrupted(shelf, add):
    """Go on with a round that has sent some frames, so that it reads everything again."""

    async def interrupt() -> None:
        await until(Last.reading.is_set)
        Last.breaks, Last.waits = True, False
        Last.go_on.set()

    return interrupt


async def test_round_that_reads_everything_again_brings_what_came_meanwhile(shelf, add, interrupted, caplog):
    async with WireClient() as quick, WireClient() as late:
        await quick.subscribe("top", shelf=shelf.pk)
        await late.subscribe("last", shelf=shelf.pk)
        Last.waits = True
        await add("a")
        await until(lambda: quick.titles() == ["a"])
        await until(Last.reading.is_set)
        await add("b")
        await interrupted()
        await until(lambda: quick.titles() == ["a", "b"])
        await add("c")
        await until(lambda: quick.titles() == ["a", "b", "c"])
    assert "The live query last" in caplog.text


async def test_round_that_reads_everything_again_checks_access_again(shelf, add, elsewhere, interrupted):
    def end_ben_and_add() -> None:
        with transaction.atomic():
            User.objects.filter(pk=ben.pk).update(is_active=False)
            Book.objects.create(shelf=shelf, title="a")

    def end_ann() -> None:
        User.objects.filter(pk=ann.pk).update(is_active=False)

    ann, ben = [await elsewhere.soon(User.objects.create_user, name) for name in ("ann", "ben")]
    async with WireClient(Identity(str(ann.pk))) as quick, WireClient() as late:
        await quick.subscribe("top", shelf=shelf.pk)
        await late.subscribe("last", shelf=shelf.pk)
        Last.waits = True
        await elsewhere.soon(end_ben_and_add)
        await until(lambda: quick.titles() == ["a"])
        await until(Last.reading.is_set)
        await elsewhere.soon(end_ann)
        await add("secret")
        await interrupted()
        await until(lambda: quick.closed or quick.protocol.last["type"] == "bye")
        assert "secret" not in str(quick.received)


async def test_round_that_fails_after_some_frames_is_repeated_for_all(shelf, add, caplog, monkeypatch):
    async with WireClient() as quick, WireClient() as late:
        await quick.subscribe("top", shelf=shelf.pk)
        await late.subscribe("last", shelf=shelf.pk)
        [log] = get_hub().logs
        store = log._tail._store

        def fail_once(data) -> None:
            monkeypatch.setattr(log._tail, "_store", store)
            raise ConnectionError

        monkeypatch.setattr(log._tail, "_store", fail_once)
        Last.waits = True
        await add("a")
        await until(lambda: quick.titles() == ["a"])
        Last.waits = False
        Last.go_on.set()
        await until(lambda: late.titles() == ["a"])
        assert quick.titles() == ["a"]
        await add("b")
        await until(lambda: quick.titles() == ["a", "b"] and late.titles() == ["b"])
    assert "could not be read; trying again" in caplog.text
