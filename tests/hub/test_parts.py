"""Large live queries are opened in parts: exact in the end, and no burden on anybody else."""

from __future__ import annotations

import gc
from copy import copy

import pytest
from asgiref.sync import sync_to_async

from realtime import ModelStream, live_value
from realtime.hub.hub import get_hub
from realtime.queries.opening import Opening
from tests.models import Book, Note, Shelf
from tests.support.limits import limit
from tests.support.replica import ReferenceClient
from tests.support.streams import OpenBooks, registered
from tests.support.wire import WireClient, until

ROWS = 60
PART = 8


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr("realtime.queries.livequery.PART_ROWS", PART)
    monkeypatch.setattr("realtime.queries.opening.STEP_ROWS", PART // 2)


@pytest.fixture
def many(shelf):
    """The shelf, with more books than one part has."""
    Book.objects.bulk_create([Book(shelf=shelf, title=f"{number:03}") for number in range(ROWS)])
    return shelf


class Slow(ReferenceClient):
    """A client that acknowledges when it is told to."""

    def __init__(self, version: int = 2) -> None:
        super().__init__(version=version)
        self.holding_acks = True


def parts(client: WireClient, id: int = 1) -> list[dict]:
    return [message for message in client.received if message["type"] == "part" and message["id"] == id]


def openings() -> int:
    gc.collect()
    return sum(isinstance(each, Opening) for each in gc.get_objects())


async def begin(client: WireClient, stream: str = "open", id: int = 1, **params) -> None:
    """Subscribe, and wait for the first part."""
    client.say(client.protocol.subscribe(id, stream=stream, params=params, format="data"))
    await until(lambda: parts(client, id))


async def acknowledge(client: WireClient) -> None:
    client.say(client.protocol.ack())


async def finish(client: WireClient) -> None:
    client.protocol.holding_acks = False
    client.say(client.protocol.ack())
    await until(lambda: client.protocol.live)


def fresh(shelf) -> list[str]:
    return list(Book.objects.filter(shelf=shelf).order_by("title").values_list("title", flat=True))


@pytest.fixture(autouse=True)
def _open():
    with registered(open=OpenBooks):
        yield


async def test_rows_come_in_parts_and_are_not_shown_before_the_last_one(many):
    async with WireClient() as client:
        shown = []
        receive = client.protocol.receive
        client.protocol.receive = lambda text: [*receive(text), *(shown.append(len(client.rows())) or [])]
        await client.subscribe("open", shelf=many.pk)

    assert [len(part["puts"]) for part in parts(client)] == [PART] * (ROWS // PART) + [ROWS % PART]
    assert [part.get("first", False) for part in parts(client)] == [True] + [False] * (ROWS // PART)
    assert client.titles() == [f"{number:03}" for number in range(ROWS)]
    assert set(shown) == {0, ROWS}
    assert client.protocol.frames[-1]["deltas"] == [{"query": client.protocol.subscriptions[1].query, "parts": True}]


async def test_few_rows_and_clients_of_version_1_are_sent_one_frame(many, shelf):
    async with WireClient(protocol=ReferenceClient(version=1)) as old, WireClient() as new:
        await old.subscribe("open", shelf=many.pk)
        await new.subscribe("top", shelf=many.pk)

    assert (parts(old), parts(new)) == ([], [])
    assert (len(old.rows()), len(new.rows())) == (ROWS, 3)


async def test_what_is_written_while_parts_travel_is_neither_lost_nor_applied_twice(many, elsewhere, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)

        def write() -> None:
            Book.objects.filter(title="001").update(title="001 edited")  # of a row that was sent
            Book.objects.filter(title="050").update(title="050 edited")  # of one that was not
            Book.objects.filter(title="002").update(title="990")  # to the end
            Book.objects.filter(title="059").update(title="0005")  # to the beginning
            Book.objects.filter(title__in=["003", "051"]).delete()
            Book.objects.create(shelf=many, title="0031")
            Book.objects.create(shelf=many, title="999")

        await elsewhere.soon(write)
        assert len(parts(client)) == 1
        await finish(client)
        assert client.titles() == await sync_to_async(fresh)(many)
        keys = [each["key"] for part in parts(client) for each in part["puts"]]
        assert len(keys) == len(set(keys))
        gone = {key for delta in client.protocol.frames[-1]["deltas"] for key in delta.get("drops", ())}
        assert gone <= set(keys)  # the key of the row that it never had is not revealed

        await elsewhere.soon(Book.objects.create, shelf=many, title="later")
        await until(lambda: "later" in client.titles())


async def test_parts_whose_rows_are_gone_are_read_one_by_one_and_replace_the_rows_of_the_client(
    many, elsewhere, settings
):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client, WireClient(protocol=Slow()) as late:
        await begin(client, shelf=many.pk)
        await elsewhere.soon(lambda: Book.objects.filter(shelf=many).delete())
        late.say(late.protocol.subscribe(1, stream="open", params={"shelf": many.pk}, format="data"))
        await until(lambda: parts(late))
        late.protocol.subscriptions[1].replica.hold({"outdated": {"title": "outdated"}})
        for each in (client, late):
            await finish(each)
            assert len(parts(each)) == -(-ROWS // PART)
            assert each.titles() == []


async def test_clients_that_open_together_share_the_keys_and_those_without_credit_hold_up_nobody(
    many, elsewhere, settings
):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as slow, WireClient(protocol=Slow()) as other, WireClient() as quick:
        await begin(slow, shelf=many.pk)
        await begin(other, shelf=many.pk)
        assert openings() == 1
        await quick.subscribe("top", shelf=many.pk)
        await elsewhere.soon(Book.objects.create, shelf=many, title="thick", pages=5)
        await until(lambda: quick.titles()[0] == "thick")
        assert len(parts(slow)) == len(parts(other)) == 1

        await finish(slow)
        assert slow.titles() == await sync_to_async(fresh)(many)
        assert len(parts(other)) == 1


async def test_changes_of_the_same_live_query_reach_others_between_two_parts(many, elsewhere, settings):
    limit(settings, window_frames=1)
    async with WireClient() as early, WireClient(protocol=Slow()) as late:
        await early.subscribe("open", shelf=many.pk)
        await begin(late, shelf=many.pk)
        await elsewhere.soon(Book.objects.create, shelf=many, title="new")
        await until(lambda: "new" in early.titles())
        assert not late.protocol.live
        await finish(late)
        assert late.titles() == early.titles()


async def test_nothing_is_kept_for_a_client_that_leaves_in_the_middle(many, settings):
    limit(settings, window_frames=1)
    async with WireClient() as stays:
        await stays.subscribe("top", shelf=many.pk)
        async with WireClient(protocol=Slow()) as client:
            await begin(client, shelf=many.pk)
            [log] = get_hub().logs
            assert openings() == 1
            assert len(log._tail._queries) == 2
        await until(lambda: openings() == 0)
        log.wake()
        await until(lambda: len(log._tail._queries) == 1)
        assert not log._waiting.of(client.connection)


async def test_subscription_that_ends_in_the_middle_is_forgotten_with_the_next_acknowledgement(many, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)
        client.say(client.protocol.unsubscribe(1))
        client.say(client.protocol.ack())
        await until(lambda: openings() == 0)
        await client.subscribe("top", id=2, shelf=many.pk)
        assert len(parts(client)) == 1


async def test_live_query_counts_as_long_as_another_request_of_the_client_waits_for_it(many, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)
        hub = get_hub()
        [log] = hub.logs
        [request] = log._waiting.of(client.connection)
        other = copy(request.subscription)
        log._waiting.park(request._replace(subscription=other))
        log.withdraw(client.connection, request.subscription)
        assert request.want.key in hub._limits._keys[client.connection]
        log.withdraw(client.connection, other)
        assert client.connection not in hub._limits._keys


async def test_too_many_changes_meanwhile_bring_all_rows_in_one_frame(many, elsewhere, settings):
    limit(settings, window_frames=1, changes=5)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)
        for number in range(3):
            books = [Book(shelf=many, title=f"new {number} {place}") for place in range(4)]
            await elsewhere.soon(Book.objects.bulk_create, books)
        await finish(client)
        assert client.titles() == await sync_to_async(fresh)(many)
        assert client.protocol.frames[-1]["deltas"][0]["reset"]


async def test_second_subscription_to_the_same_rows_gets_them_too(many, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)
        client.say(client.protocol.subscribe(2, stream="open", params={"shelf": many.pk}, format="data"))
        await finish(client)
        assert client.titles(1) == client.titles(2) == await sync_to_async(fresh)(many)


async def test_live_value_follows_rows_outside_the_queryset(shelf, elsewhere):
    class Thick(ModelStream):
        model = Book
        fields = ["id"]
        partition_by = ["shelf"]
        allow_anonymous = True

        def authorize(self, user, shelf):
            return True

        def get_queryset(self, shelf):
            return Book.objects.filter(shelf=shelf, pages__gte=100)

        @live_value
        def thin(self):
            return Book.objects.filter(shelf=self.params["shelf"], pages__lt=100).count()

    with registered(thick=Thick):
        async with WireClient() as client:
            client.say(client.protocol.subscribe(1, stream="thick", params={"shelf": shelf.pk}, format="value:thin"))
            await until(lambda: client.protocol.live)
            book = await elsewhere.soon(Book.objects.create, shelf=shelf, title="a", pages=5)
            await until(lambda: client.rows() == [1])
            await elsewhere.soon(book.delete)
            await until(lambda: client.rows() == [0])
            [log] = get_hub().logs
            [query] = log._tail._queries.values()
            assert query.planner.looks_around  # a row that nobody knows may have counted


async def test_part_is_kept_back_while_access_is_checked(many, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, shelf=many.pk)
        session = client.connection.peer.session
        session.hold()
        client.say(client.protocol.ack())
        await until(lambda: session._part is not None)
        assert len(parts(client)) == 1
        assert not client.connection.is_ready

        frames, _ = session.release()
        client.connection.peer.send(frames)
        assert len(parts(client)) == 2
        await finish(client)
        assert client.titles() == await sync_to_async(fresh)(many)


async def test_client_that_has_missed_too_much_gets_all_rows_in_parts(many, elsewhere, settings):
    limit(settings, window_frames=1, changes=5)
    async with WireClient() as client:
        await client.subscribe("open", shelf=many.pk)
        before, client.protocol.holding_acks = len(parts(client)), True
        for number in range(4):
            books = [Book(shelf=many, title=f"new {number} {place}") for place in range(4)]
            await elsewhere.soon(Book.objects.bulk_create, books)
        await until(lambda: client.protocol.behind)
        frames = len(client.protocol.frames)
        await finish(client)
        assert client.titles() == await sync_to_async(fresh)(many)
        assert len(parts(client)) > before
        assert not any(delta.get("reset") for frame in client.protocol.frames[frames:] for delta in frame["deltas"])
        await elsewhere.soon(Book.objects.create, shelf=many, title="zzz")
        await until(lambda: client.titles()[-1] == "zzz")


class Admitted(ModelStream):
    """The books of the shelf that a note names, for all users while there is one."""

    model = Book
    fields = ["id", "title"]
    authorize_depends_on = ["tests.Note"]
    allow_anonymous = True

    def authorize(self, user):
        return Note.objects.exists()

    def audience(self, user):
        return Note.objects.get().text

    def get_queryset(self):
        return Book.objects.filter(shelf=self.audience).order_by("title")


@pytest.fixture
def admitted(many):
    Note.objects.create(text=str(many.pk))
    with registered(admitted=Admitted):
        yield


async def test_access_that_ends_between_two_parts_is_refused_at_once(admitted, elsewhere, settings):
    limit(settings, window_frames=1)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, "admitted")
        await elsewhere.soon(Note.objects.all().delete)
        await until(lambda: client.refusals)
        client.say(client.protocol.ack())
        await until(lambda: openings() == 0)
        assert len(parts(client)) == 1


async def test_rows_of_another_audience_replace_those_of_the_parts(admitted, many, elsewhere, settings):
    limit(settings, window_frames=1)
    other = await elsewhere.soon(Shelf.objects.create, name="Poems")
    books = [Book(shelf=other, title=f"poem {number:02}") for number in range(ROWS)]
    await elsewhere.soon(Book.objects.bulk_create, books)
    async with WireClient(protocol=Slow()) as client:
        await begin(client, "admitted")
        [subscription] = client.connection.peer.session.subscriptions.values()
        before = subscription.subject
        await elsewhere.soon(Note.objects.update, text=str(other.pk))
        await until(lambda: subscription.subject is not before)
        await finish(client)
        assert client.titles() == [book.title for book in books]
        later = [put["row"]["title"] for part in parts(client)[1:] for put in part["puts"]]
        assert later == client.titles()
