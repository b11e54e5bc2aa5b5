"""The Python client, against a real daphne: rows, changes, calls, and what happens when the connection is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from websockets.asyncio.server import serve

from realtime.client import Change, Event, RemoteError, connect
from tests.models import Book, Shelf
from tests.support import passes
from tests.support.faults_proxy import Proxy
from tests.support.waiting import seconds
from tests.support.wire import until


@pytest.fixture
def add(elsewhere, shelf):
    async def add(*titles: str) -> None:
        for title in titles:
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=title)

    return add


def titles(query) -> list[str]:
    return [row["title"] for row in query.rows]


async def ready(query):
    async with asyncio.timeout(seconds(20)):
        return await query.ready()


async def following(changes) -> Change:
    async with asyncio.timeout(seconds(20)):
        return await anext(changes)


async def test_rows_are_there_in_their_order_and_stay_so(server, session, shelf, add):
    await add("b", "c")
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        assert [row["title"] for row in await ready(query)] == ["b", "c"]
        await add("a")
        await until(lambda: titles(query) == ["a", "b", "c"])
        assert (client.state, query.state) == ("live", "live")


async def test_changes_come_one_after_the_other(server, session, shelf, add, elsewhere):
    await add("a")
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        changes = aiter(query)
        first = await following(changes)
        assert ([row["title"] for row in first.rows], first.reset) == (["a"], True)

        await add("b")
        second = await following(changes)
        assert [row["title"] for row in second.puts.values()] == ["b"]
        key = query.keys[0]
        await elsewhere.soon(Book.objects.filter(title="a").delete)
        third = await following(changes)
        assert (third.drops, [row["title"] for row in third.rows]) == ([key], ["b"])
        await changes.aclose()


async def test_html_and_values_are_rows_too(server, session, shelf, add):
    await add("a")
    async with connect(server.url, session=session) as client:
        [row] = await ready(client.subscribe("books", {"shelf": shelf.pk}, format="html"))
        assert "a" in row


async def test_call_returns_its_result(server, session, shelf):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        result = await query.call("add", {"title": "a"})
        await until(lambda: titles(query) == ["a"])
        assert result == {"pk": int(query.keys[0])}


async def test_call_that_is_refused_says_why(server, session, shelf):
    async with connect(server.url, session=session) as client:
        with pytest.raises(RemoteError) as refused:
            await client.call("books", {"shelf": shelf.pk}, "add", {})
    assert (refused.value.code, refused.value.name) == (4216, "invalid")
    assert refused.value.details == {"title": ["This argument is required."]}


async def test_query_that_is_refused_says_why_and_leaves_the_others(server, session, shelf, add):
    async with connect(server.url, session=session) as client:
        good = client.subscribe("books", {"shelf": shelf.pk})
        bad = client.subscribe("shelves")
        with pytest.raises(RemoteError) as refused:
            await ready(bad)
        assert (refused.value.name, bad.state) == ("forbidden", "refused")
        with pytest.raises(RemoteError):
            await following(aiter(bad))
        await add("a")
        await until(lambda: titles(good) == ["a"])


@pytest.fixture
async def other_shelf(elsewhere, add):
    await add("a", "b")
    other = await elsewhere.soon(Shelf.objects.create, name="other")
    await elsewhere.soon(Book.objects.create, shelf=other, title="c")
    return other


async def test_parameters_change_in_place(server, session, shelf, other_shelf, elsewhere):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        changes = aiter(query)
        first = await following(changes)
        async with asyncio.timeout(seconds(20)):
            rows = await query.set({"shelf": other_shelf.pk})
        assert ([row["title"] for row in rows], query.params) == (["c"], {"shelf": other_shelf.pk})
        second = await following(changes)
        assert ([row["title"] for row in second.rows], second.reset) == (["c"], True)
        assert second.drops == list(first.puts)
        await elsewhere.soon(Book.objects.create, shelf=other_shelf, title="d")
        assert [row["title"] for row in (await following(changes)).puts.values()] == ["d"]
        await changes.aclose()
        await client.wait_until_live()
        assert (query.state, await query.call("add", {"title": "e"})) == ("live", {"pk": await pk_of(elsewhere, "e")})


async def pk_of(elsewhere, title: str) -> int:
    return (await elsewhere.soon(Book.objects.select_related("shelf").get, title=title, shelf__name="other")).pk


async def test_rows_stay_and_follow_the_server_until_the_new_ones_are_there(
    server, session, shelf, other_shelf, add, elsewhere
):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        seen = []
        for pending in (query.set({"shelf": -1}), query.set({"shelf": other_shelf.pk})):
            seen.append(asyncio.create_task(pending))
            await asyncio.sleep(0)  # lets the task subscribe
        assert (titles(query), query.params, query.state) == (["a", "b"], {"shelf": shelf.pk}, "catching-up")
        async with asyncio.timeout(seconds(20)):
            first, last = await asyncio.gather(*seen)
        assert [[row["title"] for row in rows] for rows in (first, last)] == [["a", "b"], ["c"]]
        assert query.state == "live"
        assert list(client._connection._queries.values()) == [query]


async def test_parameters_that_are_refused_leave_the_rows(server, session, shelf, other_shelf, add):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        with pytest.raises(RemoteError) as refused:
            await query.set({"shelf": "x"})
        assert (refused.value.name, list(refused.value.details)) == ("bad_parameters", ["shelf"])
        assert (query.params, query.error, query.state) == ({"shelf": shelf.pk}, None, "live")
        await add("0")
        await until(lambda: titles(query) == ["0", "a", "b"])


async def test_parameters_that_are_no_json_are_an_error_of_the_caller_alone(server, session, shelf, other_shelf, add):
    async with connect(server.url, session=session) as client:
        with pytest.raises(TypeError):
            client.subscribe("books", {"shelf": shelf})  # without .pk
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        with pytest.raises(TypeError):
            await query.set({"shelf": other_shelf, "title": other_shelf})
        with pytest.raises(TypeError):
            client.presence("books", {"shelf": shelf.pk}, data={"shelf": shelf})
        with pytest.raises(TypeError):
            await query.call("add", {"title": shelf})
        assert (query.params, query.state, len(client._connection._queries)) == ({"shelf": shelf.pk}, "live", 1)
        assert client._connection.calls._calls == {}
        async with asyncio.timeout(seconds(20)):
            assert [row["title"] for row in await query.set({"shelf": other_shelf.pk})] == ["c"]
    # before a connection too, which could not be made otherwise
    client = connect(server.url, session=session)
    with pytest.raises(TypeError):
        client.subscribe("books", {"shelf": shelf})
    async with client:
        await ready(client.subscribe("books", {"shelf": shelf.pk}))


async def test_parameters_of_a_query_are_not_those_that_the_caller_goes_on_to_change(server, session, shelf):
    """Else a reconnect would resume from the rows of others."""
    async with connect(server.url, session=session) as client:
        given = {"shelf": [shelf.pk]}
        query = client.subscribe("books", given)
        given["shelf"].append(0)
        query.params["shelf"].append(0)
        assert query.params == {"shelf": [shelf.pk]}


async def test_change_of_parameters_ends_with_the_query(server, session, shelf, other_shelf):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        change = asyncio.create_task(query.set({"shelf": other_shelf.pk}))
        await asyncio.sleep(0)
        query.close()
        with pytest.raises(RemoteError) as closed:
            await change
        assert closed.value.name == "closed"
        with pytest.raises(RemoteError):
            await query.set({"shelf": shelf.pk})
        assert client._connection._queries == {}


async def test_query_that_is_closed_ends_its_iterators(server, session, shelf):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        seen = asyncio.create_task(_all(query))
        await asyncio.sleep(0)
        query.close()
        assert len(await seen) <= 1


async def _all(query) -> list[Change]:
    return [change async for change in query]


async def test_client_that_is_closed_ends_everything(server, session, shelf):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("books", {"shelf": shelf.pk})
        await ready(query)
        seen = asyncio.create_task(_all(query))
        await asyncio.sleep(0)
    assert len(await seen) <= 1
    with pytest.raises(RemoteError) as closed:
        await client.call("books", {}, "add")
    assert closed.value.name == "closed"


async def test_client_that_is_closed_is_offline_and_takes_no_more(server, session, shelf):
    async with connect(server.url, session=session) as client:
        query = client.subscribe("talk", {"shelf": shelf.pk})
        await ready(query)
    assert (client.state, query.state, query.send("hello")) == ("offline", "offline", False)
    late = client.subscribe("talk", {"shelf": shelf.pk})
    assert await _all(late) == []
    for waiting in (ready(late), client.wait_until_live()):
        with pytest.raises(RemoteError) as closed:
            await asyncio.wait_for(waiting, seconds(5))
        assert closed.value.name == "closed"
    late.close()


async def test_client_without_a_query_that_is_let_in_never_becomes_live(server, session):
    async with connect(server.url, session=session) as client:
        client.subscribe("shelves")
        with pytest.raises(RemoteError) as refused:
            await asyncio.wait_for(client.wait_until_live(), seconds(10))
        assert (refused.value.name, client.state) == ("forbidden", "refused")


class TestEvents:
    @pytest.fixture
    async def talks(self, server, session, shelf):
        """Ann's live query, and a visitor's."""
        async with connect(server.url, session=session) as ann, connect(server.url) as visitor:
            talks = [client.subscribe("talk", {"shelf": shelf.pk}) for client in (ann, visitor)]
            for client in (ann, visitor):
                await client.wait_until_live()
            yield talks

    async def test_event_reaches_those_who_see_the_same_and_not_its_sender(self, talks, elsewhere):
        heard = {"ann": [], "visitor": []}
        for name, talk in zip(heard, talks, strict=True):
            talk.on("typing", heard[name].append)
        user = str(await elsewhere.soon(lambda: User.objects.get(username="ann").pk))
        data = {"book": 3, "words": []}
        assert talks[0].send("typing", {"book": 3}) is True
        await until(lambda: heard["visitor"])
        assert talks[1].send("typing", {"book": 3}) is True
        await until(lambda: heard["ann"])
        assert heard == {"ann": [Event("typing", data, None, False)], "visitor": [Event("typing", data, user, False)]}

    async def test_listener_is_told_until_it_ends_and_one_that_fails_disturbs_nothing(self, talks, caplog):
        ann, visitor = talks
        heard = []
        end = visitor.on("hello", heard.append)
        visitor.on("hello", lambda event: 1 / 0)
        visitor.on("typing", heard.append)
        ann.send("hello")
        await until(lambda: heard)
        end()
        end()
        ann.send("hello")
        ann.send("typing", {"book": 1})
        await until(lambda: len(heard) == 2)
        assert [event.name for event in heard] == ["hello", "typing"]
        assert caplog.text.count("A listener has failed.") == 2

    async def test_event_of_the_server_names_no_sender(self, server, session, shelf, elsewhere):
        heard = []
        async with connect(server.url, session=session) as client:
            client.on("toast", heard.append)
            while not heard:  # an event is lost while access is being asked again
                await client.call("talk", {"shelf": shelf.pk}, "announce", {"text": "Done."})
                await asyncio.sleep(0.1)
        assert heard[0] == Event("toast", {"text": "Done."}, None, True)

    async def test_event_that_is_refused_says_why(self, server, session, shelf):
        refused = []
        async with connect(server.url, session=session) as client:
            end = client.on_event_rejected(refused.append)
            talk = client.subscribe("talk", {"shelf": shelf.pk})
            assert talk.send("typing", {"book": 1}) is False  # there is no connection yet
            await client.wait_until_live()
            talk.send("typing", {"book": "x"})
            await until(lambda: refused)
            end()
        assert [(error.name, error.code) for error in refused] == [("invalid", 4216)]


class TestPresence:
    async def test_user_is_there_with_what_they_say_and_goes_with_the_client(self, server, session, shelf):
        place = {"shelf": shelf.pk}
        async with connect(server.url, session=session) as looking:
            people = looking.presence("talk", place, watch=True)
            assert await ready(people) == []
            async with connect(server.url, session=session) as client:
                mine = client.presence("talk", place, data={"book": 1})
                await until(lambda: [row["data"] for row in people.rows] == [{"book": 1}])
                mine.set({"book": 2})
                await until(lambda: [row["data"] for row in people.rows] == [{"book": 2}])
                assert [row["name"] for row in mine.rows] == ["ann"]
            await until(lambda: people.rows == [], within=30)

    async def test_visitor_who_says_that_they_are_there_is_told_why_not(self, server, shelf):
        refused = []
        async with connect(server.url) as client:
            client.on_event_rejected(refused.append)
            client.presence("talk", {"shelf": shelf.pk})
            await until(lambda: refused)
        assert str(refused[0]) == "Only authenticated users can be present. (4214 forbidden)"


class TestTokens:
    async def test_user_is_the_tokens(self, server, shelf, elsewhere):
        await elsewhere.soon(User.objects.create_user, "ann")
        async with connect(server.url, token=lambda: passes.token("ann")) as client:
            await ready(client.subscribe("books", {"shelf": shelf.pk}))

    async def test_token_stands_in_no_log(self, server, shelf, elsewhere):
        await elsewhere.soon(User.objects.create_user, "ann")
        token = passes.token("ann")
        async with connect(server.url, token=token) as client:
            await ready(client.subscribe("books", {"shelf": shelf.pk}))
        news = server.news()
        assert "WSCONNECT" in news
        assert token not in news

    async def test_token_is_replaced_before_it_ends(self, server, shelf, elsewhere):
        await elsewhere.soon(User.objects.create_user, "ann")
        given = []

        async def token() -> str:
            given.append(passes.token("ann", seconds=2))
            return given[-1]

        async with connect(server.url, token=token) as client:
            await ready(client.subscribe("books", {"shelf": shelf.pk}))
            await until(lambda: len(given) == 2)
            assert client.state == "live"

    async def test_token_function_that_is_cancelled_is_called_again(self, server, shelf, elsewhere):
        await elsewhere.soon(User.objects.create_user, "ann")
        called = []

        async def token() -> str:
            called.append(1)
            if len(called) == 1:
                raise asyncio.CancelledError  # as by the end of a task that several callers share
            return passes.token("ann")

        async with connect(server.url, token=token) as client:
            await ready(client.subscribe("books", {"shelf": shelf.pk}))
        assert len(called) == 2

    async def test_token_that_is_not_good_is_asked_for_once_more_and_then_given_up(self, server):
        given = []
        async with connect(server.url, token=lambda: given.append(1) or "forged") as client:
            with pytest.raises(RemoteError) as refused:
                await client.wait_until_live()
            with pytest.raises(RemoteError) as late:
                await asyncio.wait_for(client.subscribe("books").ready(), seconds(5))
        assert (refused.value.code, late.value.code, len(given)) == (4101, 4101, 2)


class TestLostConnections:
    @pytest.fixture
    def proxy(self, server):
        proxy = Proxy(server.port)
        yield proxy
        proxy.close()

    async def test_change_of_parameters_survives_an_outage(self, proxy, session, shelf, other_shelf):
        async with connect(f"{proxy.url}", session=session) as client:
            query = client.subscribe("books", {"shelf": shelf.pk})
            await ready(query)
            proxy.swallow()  # the request for the new rows is lost
            change = asyncio.create_task(query.set({"shelf": other_shelf.pk}))
            await asyncio.sleep(0)
            proxy.cut()
            assert titles(query) == ["a", "b"]
            proxy.heal()
            async with asyncio.timeout(seconds(30)):
                assert [row["title"] for row in await change] == ["c"]

    async def test_client_comes_back_and_is_sent_only_what_it_missed(self, proxy, session, shelf, add):
        await add("a")
        async with connect(f"{proxy.url}", session=session) as client:
            query = client.subscribe("books", {"shelf": shelf.pk})
            await ready(query)
            changes = aiter(query)
            await following(changes)
            proxy.cut()  # from now on nothing comes by the old connection
            await add("b")
            change = await following(changes)
            assert ([row["title"] for row in change.puts.values()], change.reset) == (["b"], False)
            await changes.aclose()

    async def test_call_that_was_sent_has_an_unknown_outcome(self, proxy, session, shelf):
        async with connect(f"{proxy.url}", session=session) as client:
            await ready(client.subscribe("books", {"shelf": shelf.pk}))
            proxy.swallow()
            call = asyncio.create_task(client.call("books", {"shelf": shelf.pk}, "add", {"title": "a"}))
            await asyncio.sleep(0.05)
            proxy.heal()
            proxy.cut()
            with pytest.raises(RemoteError) as lost:
                await call
        assert lost.value.name == "outcome_unknown"

    async def test_call_waits_for_the_connection(self, session, server, shelf):
        client = connect(server.url, session=session)
        call = asyncio.create_task(client.call("books", {"shelf": shelf.pk}, "add", {"title": "a"}))
        await asyncio.sleep(0)
        async with client:
            assert "pk" in await call

    async def test_server_that_is_not_there_is_tried_again(self):
        async with connect("ws://127.0.0.1:1/") as client:
            await until(lambda: client.state == "offline")
            with pytest.raises(RemoteError) as silent:
                await client.call("books", {}, "add", within=0.05)
        assert silent.value.reason == "No reply within 0.05 seconds. The call was not sent."


async def test_server_that_says_nothing_is_left(monkeypatch):
    monkeypatch.setattr("realtime.client.connection.OPEN_SECONDS", 0.2)
    monkeypatch.setattr("realtime.client.connection.CLOSE_SECONDS", 0.2)
    attempts = []

    async def silent(socket) -> None:
        attempts.append(1)
        await socket.wait_closed()

    async with serve(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/"):
            await until(lambda: len(attempts) > 1)


def test_client_needs_no_django():
    code = (
        "import sys\n"
        "for name in ('django', 'asgiref', 'channels'): sys.modules[name] = None  # as if it were not installed\n"
        "sys.path.insert(0, '.')\n"
        "from realtime.client import RemoteError, connect\n"
        "import realtime\n"
        "print(connect('ws://h/').state, issubclass(RemoteError, realtime.RealtimeError))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, env={})
    assert (done.stdout, done.stderr) == ("None True\n", "")
