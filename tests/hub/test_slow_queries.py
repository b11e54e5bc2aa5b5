"""Live queries that take long: others are served meanwhile, each frame is exact, and a limit ends them."""

from __future__ import annotations

import asyncio

import pytest

from realtime.hub import log_worker, slow_queries
from realtime.hub.counters import get_counters
from realtime.hub.hub import get_hub
from realtime.hub.status import figures_of
from realtime.hub.threads import ReaderThread
from realtime.queries.family import Family
from tests.models import Book, Shelf
from tests.support.streams import WaitingBooks, registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


class Slow(WaitingBooks):
    """Books that take long to read."""


@pytest.fixture(autouse=True)
def stream(settings):
    settings.REALTIME_QUERY_SECONDS = seconds(20)
    Slow.reset()
    with registered(slow=Slow):
        yield
        Slow.go_on.set()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    """What takes 0.5 s is slow, however slow the machine is."""
    monkeypatch.setattr(slow_queries, "SLOW_PART", 0.5 / seconds(20))


@pytest.fixture
def shelf(stream, elsewhere) -> Shelf:
    return elsewhere(Shelf.objects.create, name="one")


async def test_others_are_served_while_a_newcomers_rows_are_read(shelf, add):
    async with WireClient() as quick, WireClient() as slow:
        await quick.subscribe("top", shelf=shelf.pk)
        Slow.waits = True
        slow.say(slow.protocol.subscribe(1, stream="slow", params={"shelf": shelf.pk}))
        await until(Slow.reading.is_set)
        await add("a")
        await until(lambda: quick.titles() == ["a"])
        assert not slow.protocol.subscriptions[1].live
        Slow.waits = False
        Slow.go_on.set()
        await until(lambda: slow.protocol.subscriptions[1].live)
        assert slow.titles() == ["a"]


async def test_others_are_served_while_a_live_one_is_read_and_none_of_its_changes_is_lost(shelf, add, caplog):
    before = get_counters().counts().get("slow_queries", {}).get("slow", 0)
    async with WireClient() as client:
        await client.subscribe("slow", id=1, shelf=shelf.pk)
        await client.subscribe("top", id=2, shelf=shelf.pk)
        Slow.waits = True
        await add("a")
        await until(lambda: client.titles(2) == ["a"])
        await add("b", "c")
        await until(lambda: client.titles(2) == ["a", "b", "c"])
        assert client.titles(1) == []
        Slow.waits = False
        Slow.go_on.set()
        await until(lambda: client.titles(1) == ["a", "b", "c"])
        [shown] = [query for query in figures_of(get_hub())["queries"] if query["slow"]]
        assert (shown["stream"], shown["rows"], shown["subscribers"]) == ("slow", 3, 1)
        await add("d")
        await until(lambda: client.titles(1) == ["a", "b", "c", "d"])
    params = f'{{"shelf":{shelf.pk}}}'
    assert [record.getMessage() for record in caplog.records] == [
        f"The live query slow {params} takes longer than 0.5 s to read; it is read separately from the others."
    ]
    assert get_counters().counts()["slow_queries"]["slow"] == before + 1


@pytest.mark.parametrize("threads", [0, 1], ids=["to replace the stuck one", "to read it separately"])
async def test_others_are_served_again_after_no_thread_could_be_started(threads, shelf, add, monkeypatch, caplog):
    left = iter(range(threads))

    def start(name: str) -> ReaderThread:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        return ReaderThread(name)

    async with WireClient() as quick, WireClient() as slow:
        await quick.subscribe("top", shelf=shelf.pk)
        Slow.waits = True
        with monkeypatch.context() as exhausted:
            exhausted.setattr(log_worker, "ReaderThread", start)
            slow.say(slow.protocol.subscribe(1, stream="slow", params={"shelf": shelf.pk}))
            await until(Slow.reading.is_set)
            await until(lambda: "can't start new thread" in caplog.text)
        Slow.waits = False
        Slow.go_on.set()
        await add("a")
        await until(lambda: quick.titles() == ["a"])
        await until(lambda: slow.protocol.subscriptions[1].live)


async def test_revocation_is_noticed_while_a_live_query_is_read(shelf, add, elsewhere):
    from realtime.capture.access import end_connections

    async with WireClient() as slow, WireClient() as other:
        await other.subscribe("top", shelf=shelf.pk)
        Slow.waits = True
        slow.say(slow.protocol.subscribe(1, stream="slow", params={"shelf": shelf.pk}))
        await until(Slow.reading.is_set)
        asked = []
        other.connection.reauthorize = asked.append
        await elsewhere.soon(end_connections, 1)
        await until(lambda: asked)
        assert not Slow.go_on.is_set()


async def test_what_takes_longer_than_the_limit_is_refused_and_others_go_on(shelf, add, settings, caplog):
    async with WireClient() as client:
        await client.subscribe("slow", id=1, shelf=shelf.pk)
        await client.subscribe("top", id=2, shelf=shelf.pk)
        Slow.waits = True
        await add("a")
        await until(lambda: client.titles(2) == ["a"])
        settings.REALTIME_QUERY_SECONDS = 0.5  # not before: the other one is to be read however busy the machine is
        await until(lambda: client.refusals)
        [refused] = [message for message in client.received if message["type"] == "refused"]
        assert (refused["code"], refused["reason"], refused["retry"]) == (
            4003,
            "Reading these rows takes longer than 0.5 seconds.",
            60,
        )
        # whoever comes soon is refused without being read for
        Slow.reading.clear()
        async with WireClient() as late:
            await late.subscribe("slow", shelf=shelf.pk)
            assert (late.refusals, Slow.reading.is_set()) == ({1: 4003}, False)
    assert caplog.records[-1].getMessage() == (
        f'The live query slow {{"shelf":{shelf.pk}}} takes longer than REALTIME_QUERY_SECONDS (0.5 s); its '
        "subscribers are refused."
    )


def log_of(client: WireClient, id: int = 1) -> int:
    """The log of which the subscription was told last that it gets its frames."""
    accepted = [message for message in client.received if message["type"] == "subscribed" and message["id"] == id]
    return accepted[-1]["log"]


async def test_client_that_is_refused_lacks_no_change_when_it_comes_back(shelf, add, settings):
    async with WireClient() as client:
        await client.subscribe("slow", id=1, shelf=shelf.pk)
        await client.subscribe("top", id=2, shelf=shelf.pk)
        Slow.waits = True
        await add("a")
        await until(lambda: client.titles(2) == ["a"])
        settings.REALTIME_QUERY_SECONDS = 0.5
        await until(lambda: client.refusals)
        kept = client.protocol.subscriptions[1]
        assert client.titles(1) == []
    Slow.waits = False
    Slow.go_on.set()
    await get_hub().close()  # which forgets that it took long
    async with WireClient() as back:
        place = {"cursor": kept.cursor, "fingerprint": kept.fingerprint}
        back.say(back.protocol.subscribe(1, stream="slow", params={"shelf": shelf.pk}, **place))
        await until(lambda: back.protocol.subscriptions[1].live)
        assert back.titles() == ["a"]


async def test_live_query_that_is_quick_again_comes_back_to_the_others(shelf, add):
    async with WireClient() as client:
        await client.subscribe("slow", id=1, shelf=shelf.pk)
        await client.subscribe("top", id=2, shelf=shelf.pk)
        Slow.waits = True
        await add("a")
        await until(lambda: list(get_hub().slow.keys))
        Slow.waits = False
        Slow.go_on.set()
        number = 0
        while log_of(client) != 0 or not number:
            number += 1
            titles = len(client.titles(1))
            await add(f"{number}")
            await until(lambda titles=titles: len(client.titles(1)) > titles)
            await asyncio.sleep(0.1)
        await until(lambda: client.protocol.live)
        frames = len(client.protocol.frames)
        await add("z")
        await until(lambda: len(client.titles(1)) == number + 2)
        # both are served by one frame again
        assert len(client.protocol.frames) == frames + 1


async def test_large_live_query_is_not_moved_back_where_only_its_opening_takes_long(shelf, add, monkeypatch):
    monkeypatch.setattr(slow_queries, "SLOW_PART", 0.0)  # every opening takes long
    await add(*(f"{number:03}" for number in range(slow_queries.LARGE)))
    async with WireClient() as client:
        await client.subscribe("slow", shelf=shelf.pk)
        await until(lambda: list(get_hub().slow.keys) and client.protocol.live)
        for number in range(slow_queries.QUICK_TICKS + 2):
            await add(f"new {number}")
            await until(lambda number=number: f"new {number}" in client.titles())
        [apart] = get_hub().slow._apart.values()
        await until(lambda: apart.quick_ticks >= slow_queries.QUICK_TICKS)
        get_hub().slow.sweep()
        assert [key.stream for key in get_hub().slow.keys] == ["slow"]


async def test_threads_are_left_behind_up_to_a_bound(shelf, add, monkeypatch):
    monkeypatch.setattr(slow_queries, "MAX_LEFT_BEHIND", 0)
    async with WireClient() as quick, WireClient() as slow:
        await quick.subscribe("top", shelf=shelf.pk)
        Slow.waits = True
        slow.say(slow.protocol.subscribe(1, stream="slow", params={"shelf": shelf.pk}))
        await until(Slow.reading.is_set)
        await add("a")
        await asyncio.sleep(0.5)
        assert quick.titles() == []
        Slow.waits = False
        Slow.go_on.set()
        await until(lambda: quick.titles() == ["a"] and slow.titles() == ["a"])


@pytest.fixture
def other_shelf(shelf, elsewhere) -> Shelf:
    return elsewhere(Shelf.objects.create, name="two")


def add_to_both(*shelves: Shelf) -> None:
    Book.objects.bulk_create(Book(shelf=shelf, title="a") for shelf in shelves)


async def test_of_live_queries_read_together_the_one_with_a_slow_row_is_read_apart(
    shelf, other_shelf, elsewhere, monkeypatch
):
    def shown(book: Book) -> bool:
        return not (Slow.waits and book.shelf_id == other_shelf.pk) or Slow.go_on.wait(seconds(20))

    monkeypatch.setattr(Book, "shown", property(shown), raising=False)
    with registered(shown=type("Shown", (Slow,), {"fields": ["title", "shown"]})):
        async with WireClient() as client, WireClient() as other:
            await client.subscribe("shown", shelf=shelf.pk)
            await other.subscribe("shown", shelf=other_shelf.pk)
            Slow.reading.clear()
            await elsewhere.soon(add_to_both, shelf, other_shelf)
            await until(lambda: client.titles() == other.titles() == ["a"])  # they are read together from now on
            Slow.waits = True
            monkeypatch.setattr(Slow, "get_queryset", lambda self, shelf: Book.objects.filter(shelf=shelf))
            await elsewhere.soon(add_to_both, shelf, other_shelf)
            await until(lambda: client.titles() == ["a", "a"])
            assert [key.params for key in get_hub().slow.keys] == [b'{"shelf":%d}' % other_shelf.pk]
            Slow.waits = False
            Slow.go_on.set()
            await until(lambda: other.titles() == ["a", "a"])


async def test_live_queries_whose_common_statement_is_slow_are_read_one_by_one(
    shelf, other_shelf, elsewhere, monkeypatch, caplog
):
    read = Family.read

    def slow_read(self, wanted, *args):
        if len(wanted) > 1:
            Slow.reading.set()
            Slow.go_on.wait(seconds(20))
        return read(self, wanted, *args)

    monkeypatch.setattr(Family, "read", slow_read)
    async with WireClient() as client, WireClient() as other:
        await client.subscribe("slow", shelf=shelf.pk)
        await other.subscribe("slow", shelf=other_shelf.pk)
        await elsewhere.soon(add_to_both, shelf, other_shelf)
        await until(lambda: client.titles() == other.titles() == ["a"])
        assert Slow.reading.is_set()
        assert not Slow.go_on.is_set()
        assert list(get_hub().slow.keys) == []
    assert [record.getMessage() for record in caplog.records] == [
        "Live queries of the stream slow take longer to read together than one may; they are read one by one for 60 s."
    ]
