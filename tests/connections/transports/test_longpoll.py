"""Long-poll: when a request is answered, and with what."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now
from django.test import AsyncClient
from django.utils import timezone

from realtime import ModelStream
from realtime.changelog import get_changelog
from realtime.connections.transports import request
from realtime.exceptions import Code
from realtime.hub.shutdown import drain
from tests.connections.transports import inside
from tests.connections.transports.inside import HELLO, Middleware, call, kinds, messages, post, subscribe
from tests.models import Book
from tests.support import passes
from tests.support.limits import limit
from tests.support.streams import OpenBooks, registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

pytestmark = pytest.mark.usefixtures("hub")


async def poll(*asked, wait: str = "") -> list[dict[str, object]]:
    return await messages(await post(f"poll/{wait}", HELLO, *asked))


async def held(shelf) -> dict[str, str]:
    """The cursor and view of a client that has all rows."""
    return place(await poll(subscribe("top", shelf=shelf.pk), wait="?wait=0"))


def place(received) -> dict[str, str]:
    """Where the client of these messages is now; heartbeats may be among them."""
    [subscribed] = [message for message in received if message["type"] == "subscribed"]
    cursors = [message["cursor"] for message in received if message["type"] == "frame"]
    return {"cursor": cursors[-1], "fingerprint": subscribed["fingerprint"]}


async def test_answer_waits_for_news(settings, shelf, elsewhere):
    settings.REALTIME_HEARTBEAT_SECONDS = seconds(10)
    has = await held(shelf)
    polling = asyncio.create_task(poll(subscribe("top", shelf=shelf.pk, **has)))
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    frames = [message for message in await polling if message["type"] == "frame"]
    assert [put["row"]["title"] for frame in frames for delta in frame["deltas"] for put in delta["puts"]] == ["a"]


async def test_answer_comes_without_news_after_a_heartbeat(shelf):
    has = await held(shelf)
    started = time.monotonic()
    received = await poll(subscribe("top", shelf=shelf.pk, **has))
    assert time.monotonic() - started >= 0.3
    assert [message.get("deltas") for message in received if message["type"] == "frame"] == [[]]


async def test_client_that_does_not_wait_is_answered_at_once(settings, shelf):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    has = await held(shelf)
    assert kinds(await poll(subscribe("top", shelf=shelf.pk, **has), wait="?wait=0")) == [
        "welcome",
        "subscribed",
        "frame",
    ]


async def test_all_rows_are_news(settings, shelf, elsewhere):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    assert kinds(await poll(subscribe("top", shelf=shelf.pk)))[-1] == "frame"


@pytest.mark.parametrize("clock", [timezone.now, Now])
async def test_list_that_depends_on_the_time_finds_rest(settings, elsewhere, clock):
    """Each request is a return: rows sent each time would be news each time, and polling would never pause."""

    class Timed(ModelStream):
        model = User
        fields = ["username"]
        allow_anonymous = True

        def authorize(self, user):
            return True

        def get_queryset(self):
            return User.objects.filter(date_joined__lt=clock())

    settings.REALTIME_HEARTBEAT_SECONDS = 60
    await elsewhere.soon(User.objects.create, username="ann")
    with registered(timed=Timed):
        has, sent = {}, []
        async with WireClient() as other:  # between two requests the live query stays, however far they are apart
            await other.subscribe("timed")
            for _ in range(4):
                _, subscribed, frame = await poll(subscribe("timed", **has), wait="?wait=0")
                has = {"cursor": frame["cursor"], "fingerprint": subscribed["fingerprint"]}
                sent.append(len(frame["deltas"]))
    assert (sent[0], sent[2:]) == (1, [0, 0])


async def test_refusal_is_news(settings, shelf):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    assert kinds(await poll(subscribe("shelves"))) == ["welcome", "refused"]


async def test_bye_is_news(settings):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    assert kinds(await poll(HELLO)) == ["welcome", "bye"]


@pytest.mark.parametrize("wait", ["-1", "nan", "x", ""])
async def test_wait_that_is_no_time_is_refused(wait):
    assert [message["code"] for message in await poll(wait=f"?wait={wait}")] == [4200]


async def test_calls_have_their_replies_in_their_order():
    received = await messages(await post("call/", HELLO, call("c1"), call("c2")))
    assert [message["id"] for message in received if message["type"] == "reply"] == ["c1", "c2"]


@pytest.mark.parametrize(
    "asked", [[], [HELLO], [call()], [HELLO, HELLO], [HELLO, call(), {"type": "ack", "messages": 0}]]
)
async def test_address_of_calls_takes_nothing_else(asked):
    received = await messages(await post("call/", *asked))
    assert [message["code"] for message in received] == [4203]


async def test_hub_stays_up_between_two_requests(hub, shelf):
    await held(shelf)
    logs = hub._logs
    await held(shelf)
    assert (hub.clients, hub._logs is logs, len(logs)) == ([], True, 1)


async def test_request_that_is_given_up_leaves_no_client(hub, shelf):
    has = await held(shelf)
    polling = asyncio.create_task(poll(subscribe("top", shelf=shelf.pk, **has)))
    await until(lambda: len(hub._clients) == 1)
    polling.cancel()
    await until(lambda: not hub._clients)
    await asyncio.gather(polling, return_exceptions=True)


class TestNextRequest:
    """It goes on with what the last one has found out: who asks, what they may see, and where they stand."""

    @pytest.fixture(autouse=True, params=["through Django", "through the middleware"])
    def way(self, request, monkeypatch) -> None:
        if request.param == "through the middleware":
            monkeypatch.setitem(globals(), "post", Middleware().post)

    @pytest.fixture(autouse=True)
    def lasting(self, hub, settings, monkeypatch):  # after the hub's own settings
        settings.REALTIME_HEARTBEAT_SECONDS = seconds(10)
        monkeypatch.setattr(request, "PARK_SECONDS", seconds(10))
        monkeypatch.setattr(request, "STOPPING_PARK_SECONDS", seconds(10))

    @pytest.fixture
    async def ann(self, elsewhere):
        """Ann's."""
        await elsewhere.soon(User.objects.create_user, "ann", password="secret")
        client = AsyncClient()
        assert await client.alogin(username="ann", password="secret")
        return client

    @pytest.fixture
    def statements(self, monkeypatch) -> list[str]:
        """Those of all threads."""
        found: list[str] = []
        execute = CursorWrapper.execute

        def noting(self, sql, params=None):
            found.append(sql)
            return execute(self, sql, params)

        monkeypatch.setattr(CursorWrapper, "execute", noting)
        return found

    async def begin(self, shelf, client, name="top") -> dict[str, str]:
        received = await messages(await post("poll/?wait=0.05", HELLO, subscribe(name, shelf=shelf.pk), client=client))
        return place(received)

    async def go_on(self, shelf, client, has) -> list[dict]:
        return await messages(await post("poll/", HELLO, subscribe("books", shelf=shelf.pk, **has), client=client))

    @staticmethod
    async def under_way(hub) -> None:
        """The next request has come, and has taken the connection that waited for it."""
        await until(lambda: not request._parked[hub])

    @staticmethod
    def titles(received) -> list[str]:
        deltas = [delta for message in received for delta in message.get("deltas", ())]
        return [put["row"]["title"] for delta in deltas for put in delta.get("puts", ())]

    async def test_brings_what_changes_and_looks_nothing_up(self, hub, shelf, elsewhere, ann, statements):
        has = await self.begin(shelf, ann, "books")
        for title in ("a", "b", "c"):
            [connection] = hub.clients
            statements.clear()
            polling = asyncio.create_task(self.go_on(shelf, ann, has))
            await self.under_way(hub)
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=title)
            received = await polling
            has = place(received)
            assert kinds(received)[:3] == ["welcome", "subscribed", "frame"]
            puts = [
                put for frame in received[2:] for delta in frame.get("deltas", ()) for put in delta.get("puts", ())
            ]
            assert [put["row"]["title"] for put in puts] == [title]
            assert hub.clients == [connection]
            assert [sql for sql in statements if re.search('FROM "?(django_session|auth_)', sql)] == []

    async def test_brings_rows_whole_since_any_page_of_the_session_may_go_on(self, hub, shelf, elsewhere, ann):
        book = await elsewhere.soon(Book.objects.create, shelf=shelf, title="a" * 90)
        hello, has = HELLO | {"version": 2}, {}
        for title in ("b" * 90, "b" * 91, "b" * 92):
            asked = subscribe("books", shelf=shelf.pk, **has)
            has = place(await messages(await post("poll/?wait=0.05", hello, asked, client=ann)))
            await elsewhere.soon(Book.objects.filter(pk=book.pk).update, title=title)
            received = await messages(
                await post("poll/", hello, subscribe("books", shelf=shelf.pk, **has), client=ann)
            )
            assert self.titles(received) == [title]
            has = place(received)

    async def test_brings_what_came_between_the_two(self, hub, shelf, elsewhere, ann):
        has = await self.begin(shelf, ann, "books")
        [connection] = hub.clients
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="between")
        await until(lambda: hub.clients[0].peer.session._credit.sent > 2)
        received = await messages(await post("poll/", HELLO, subscribe("books", shelf=shelf.pk, **has), client=ann))
        assert (self.titles(received), hub.clients) == (["between"], [connection])

    @pytest.mark.parametrize("differs", ["cursor", "fingerprint", "stream", "user", "hello", "authorization"])
    async def test_of_somebody_else_or_from_elsewhere_begins_anew(self, hub, shelf, ann, elsewhere, differs):
        has, stream, hello, headers = await self.begin(shelf, ann, "books"), "books", HELLO, {}
        parked = hub.clients
        match differs:
            case "cursor":
                await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
                has["cursor"] = await elsewhere.soon(get_changelog("default").head)
            case "fingerprint":
                has["fingerprint"] = ""
            case "stream":
                stream = "top"
            case "user":
                await elsewhere.soon(User.objects.create_user, "bob", password="secret")
                ann = AsyncClient()
                assert await ann.alogin(username="bob", password="secret")
            case "hello":
                hello = {**HELLO, "token": "nonsense"}
            case "authorization":
                headers = {"Authorization": "Bearer somebody"}
        asked = subscribe(stream, shelf=shelf.pk, **has)
        await messages(await post("poll/?wait=0.05", hello, asked, client=ann, **headers))
        assert parked[0] in hub.clients

    async def test_of_a_stranger_does_not_count_for_the_user_of_a_token(self, hub, shelf, ann, settings, monkeypatch):
        """Without a cookie, all clients of one address look alike."""
        settings.REALTIME_AUTHENTICATE = "tests.support.passes.authenticate"
        hello = HELLO | {"token": passes.token("ann")}
        await messages(await post("poll/?wait=0.05", hello, subscribe("books", shelf=shelf.pk)))
        assert request._parked[hub]
        counted, of = [], hub.quotas.of
        monkeypatch.setattr(hub.quotas, "of", lambda **whose: counted.append(whose["user"]) or of(**whose))
        await messages(await post("poll/?wait=0.05", HELLO, subscribe("open", shelf=shelf.pk)))
        assert set(counted) == {None}

    async def test_after_the_logout_brings_nothing(self, hub, shelf, ann, elsewhere):
        has = await self.begin(shelf, ann, "books")
        cookie = ann.cookies["sessionid"].value
        await ann.alogout()
        ann.cookies["sessionid"] = cookie
        await until(lambda: hub.clients == [])
        assert kinds(await self.go_on(shelf, ann, has)) == ["bye"]

    async def test_under_way_ends_with_the_access(self, hub, shelf, ann, elsewhere):
        has = await self.begin(shelf, ann, "books")
        polling = asyncio.create_task(self.go_on(shelf, ann, has))
        await self.under_way(hub)
        await elsewhere.soon(User.objects.filter(username="ann").update, is_active=False)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="secret")
        received = await polling
        assert kinds(received)[-1] == "bye"
        assert "secret" not in str(received)

    async def test_that_does_not_wait_begins_anew(self, hub, shelf, elsewhere, ann):
        """It wants to know all that is committed, not what comes next."""
        has = await self.begin(shelf, ann, "books")
        parked = hub.clients
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        asked = subscribe("books", shelf=shelf.pk, **has)
        received = await messages(await post("poll/?wait=0", HELLO, asked, client=ann))
        assert kinds(received) == ["welcome", "subscribed", "frame"]
        assert (self.titles(received), hub.clients) == (["a"], parked)

    async def test_that_does_not_come_ends_the_connection(self, hub, shelf, ann, monkeypatch):
        monkeypatch.setattr(request, "PARK_SECONDS", 0.2)
        waits, park = [], request.RequestTransport._park
        monkeypatch.setattr(request.RequestTransport, "_park", lambda self: waits.append(park(self)) or waits[-1])
        await self.begin(shelf, ann, "books")
        await until(lambda: hub.clients == [])
        assert (waits, request._parked[hub]) == ([True], {})

    async def test_is_told_to_come_back_by_a_server_that_waits_for_it(self, hub, shelf, ann):
        """A server that stops between two requests must not cut the second one."""
        has = await self.begin(shelf, ann, "books")
        stopping = asyncio.create_task(drain(hub, within=seconds(10)))
        await until(lambda: hub.draining)
        await asyncio.sleep(0.1)
        assert not stopping.done()
        received = await self.go_on(shelf, ann, has)
        assert (received[-1]["type"], received[-1]["code"]) == ("bye", Code.GOING_AWAY)
        await stopping
        assert hub.clients == []

    async def test_that_does_not_come_to_a_stopping_server_is_not_waited_for(self, hub, shelf, ann, monkeypatch):
        monkeypatch.setattr(request, "PARK_SECONDS", 3600.0)
        monkeypatch.setattr(request, "STOPPING_PARK_SECONDS", 0.2)
        has = await self.begin(shelf, ann, "books")
        await drain(hub, within=3600.0)
        assert (hub.clients, request._parked[hub]) == ([], {})
        received = await self.go_on(shelf, ann, has)  # late, but still answered
        assert (kinds(received), received[0]["code"]) == (["bye"], Code.GOING_AWAY)

    async def test_that_hangs_up_before_its_answer_leaves_nothing_behind(self, hub, shelf, ann, monkeypatch):
        monkeypatch.setattr(request, "PARK_SECONDS", 0.2)
        has = await self.begin(shelf, ann, "books")
        polling = asyncio.create_task(self.go_on(shelf, ann, has))
        await self.under_way(hub)
        polling.cancel()
        await until(lambda: hub.clients == [])

    async def test_whose_answer_is_never_read_leaves_nothing_behind(self, hub, shelf, ann, monkeypatch):
        monkeypatch.setattr(request, "PARK_SECONDS", 0.2)
        has = await self.begin(shelf, ann, "books")
        await inside.post("poll/", HELLO, subscribe("books", shelf=shelf.pk, **has), client=ann)
        await until(lambda: hub.clients == [])


@pytest.fixture
def opened() -> Iterator[None]:
    with registered(open=OpenBooks):
        yield


@pytest.mark.parametrize("transport", ["poll/?wait=0", "sse/"])
async def test_rows_in_parts_are_sent_as_fast_as_the_client_reads(
    transport, settings, shelf, elsewhere, monkeypatch, opened
):
    monkeypatch.setattr("realtime.queries.livequery.PART_ROWS", 8)
    monkeypatch.setattr("realtime.queries.opening.STEP_ROWS", 8)
    settings.REALTIME_HEARTBEAT_SECONDS = seconds(2)
    limit(settings, window_bytes=300)  # a part is larger, and waits until the one before is taken
    await elsewhere.soon(Book.objects.bulk_create, [Book(shelf=shelf, title=f"{number:02}") for number in range(50)])

    response = await post(transport, {**HELLO, "version": 2}, subscribe("open", shelf=shelf.pk))
    chunks: list[str] = []
    async for chunk in response:
        chunks.append(chunk.decode())
        assert chunks[-1].count('"type":"part"') <= 1
        if '"type":"frame"' in chunks[-1]:
            break
    text = "".join(chunks)
    assert text.count('"type":"part"') == 7
    assert re.findall(r'"title":"(\d+)"', text) == [f"{number:02}" for number in range(50)]
