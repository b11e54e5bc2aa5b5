"""Live queries: how many a user, an address's visitors and all visitors may have, and who loses theirs first."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from django.contrib.auth.models import User

from realtime.auth.identity import Identity
from realtime.auth.limits import Quotas
from realtime.hub.hub import get_hub
from realtime.hub.live_query_limits import CROWD
from tests.models import Book
from tests.support.limits import limit
from tests.support.streams import FoundStream, PagedStream, registered
from tests.support.wire import WireClient, until


@pytest.fixture(autouse=True)
def streams(committed):
    with registered(anything=FoundStream, filtered=PagedStream):
        yield


@pytest.fixture
def identity(elsewhere) -> Identity:
    return Identity(str(elsewhere(User.objects.create_user, "ann").pk))


async def ask(client: WireClient, numbers, *, stream: str = "anything", of: str = "") -> set[int]:
    """Subscribe to so many live queries; return those that were refused."""
    params = {n: {"title": f"{of}{n}"} if stream == "anything" else {"shelf": n} for n in numbers}
    for number in numbers:
        client.say(client.protocol.subscribe(number, stream=stream, params=params[number], format="data"))
    await until(lambda: all(n in client.refusals or client.protocol.subscriptions[n].live for n in numbers))
    return set(numbers) & set(client.refusals)


def held() -> int:
    return sum(len(log._tail._queries) for log in get_hub().tasks)


async def test_visitors_make_up_parameters_within_a_bound(identity, elsewhere, shelf):
    """With the limits that everybody has."""
    async with AsyncExitStack() as stack:
        for _ in range(15):
            visitor = await stack.enter_async_context(WireClient())
            await ask(visitor, range(1, 41), of=f"{id(visitor)} ")
            assert set(visitor.refusals.values()) == {4002}
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="new")  # with which those that were ended go
        await until(lambda: held() <= 6000 / 30)
        client = await stack.enter_async_context(WireClient(identity))
        assert await ask(client, range(1, 41)) == set()


def counted(*, apart: bool) -> int:
    """Live queries that are read with the others, or apart."""
    hub = get_hub()
    tasks = hub.slow.tasks if apart else hub.logs
    return sum(len(task._tail._queries) for task in tasks)


async def test_many_of_visitors_that_each_change_concerns_are_read_apart(identity, elsewhere, shelf):
    """With the limits that everybody has."""
    async with WireClient() as visitor, WireClient() as other, WireClient(identity) as client:
        assert await ask(visitor, range(1, 31), of="a") == set()
        assert await ask(client, range(1, 31), of="b") == set()
        assert await ask(other, range(1, 31), stream="top") == set()
        assert (counted(apart=False), counted(apart=True)) == (CROWD + 60, 10)
        assert len(get_hub().slow.tasks) == 1
        for title in ("a1", "a30", "b1"):
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=title)
        await until(lambda: [visitor.titles(1), visitor.titles(30), client.titles(1)] == [["a1"], ["a30"], ["b1"]])


async def test_live_query_of_the_crowd_comes_back_with_a_user_who_has_it_too(identity, elsewhere, shelf):
    async with WireClient() as visitor, WireClient() as other, WireClient(identity) as client:
        await ask(visitor, range(1, 31))
        await ask(other, [30])  # one more visitor changes nothing
        assert counted(apart=True) == 10
        await ask(client, [30])
        await until(lambda: (counted(apart=False), counted(apart=True)) == (CROWD + 1, 9))
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="30")
        await until(lambda: visitor.titles(30) == client.titles(30) == ["30"])
        get_hub().slow.sweep()
        assert counted(apart=True) == 9


async def test_partitioned_live_queries_count_for_one_and_those_that_are_left_for_nothing(identity, settings):
    limit(settings, live_queries=30)
    async with WireClient(identity) as client:
        assert await ask(client, range(1, 31), stream="top") == set()
        assert await ask(client, [31], stream="top") == {31}
        [refused] = [message for message in client.received if message["type"] == "refused"]
        assert refused.pop("retry") > 0
        reason = "A user may have up to 30 live queries; unpartitioned ones and many in a partition count as several."
        assert refused == {"type": "refused", "id": 31, "code": 4002, "reason": reason}
        client.say([text for id in range(1, 21) for text in client.protocol.unsubscribe(id)])
        assert await ask(client, [32, 33], stream="top") == set()
    assert (get_hub()._limits._users, get_hub()._limits._keys) == ({}, {})


@pytest.mark.parametrize("parameter", ["title", "page"])
async def test_many_in_one_partition_count_as_several(identity, settings, parameter):
    limit(settings, live_queries=60)
    async with WireClient(identity) as client:
        for number in range(1, 27):
            await client.subscribe("filtered", id=number, shelf=1, **{parameter: str(number)})
        assert set(client.refusals) == set(range(CROWD + 5, 27))
        await client.subscribe("filtered", id=30, shelf=1, **{parameter: "3"})  # which the user has already
        await client.subscribe("filtered", id=31, shelf=2, **{parameter: "30"})  # none is left
        assert set(client.refusals) & {30, 31} == {31}
        client.say(client.protocol.unsubscribe(CROWD + 4))
        await client.subscribe("filtered", id=32, shelf=2, **{parameter: "30"})
        assert 32 not in client.refusals


async def test_many_of_visitors_in_one_partition_are_read_apart(identity, elsewhere, shelf):
    """With the limits that everybody has."""
    async with AsyncExitStack() as stack:
        for number in range(12):
            visitor = await stack.enter_async_context(WireClient())
            for id in range(1, 26):
                visitor.say(
                    visitor.protocol.subscribe(
                        id, stream="filtered", params={"shelf": shelf.pk, "title": f"{number} {id}"}, format="data"
                    )
                )
            await until(
                lambda visitor=visitor: all(
                    n in visitor.refusals or visitor.protocol.subscriptions[n].live for n in range(1, 26)
                )
            )
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="new")  # with which those that were ended go
        await until(lambda: held() <= CROWD + (6000 - CROWD) / 30)
        assert counted(apart=False) == CROWD


async def test_what_visitors_of_many_addresses_share_costs_once(settings):
    limit(settings, anonymous_live_queries=30)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            visitor = await stack.enter_async_context(WireClient())
            assert await ask(visitor, [1]) == set()
        assert await ask(visitor, [2]) == {2}
        assert visitor.refusals == {2: 4002}
    assert (get_hub()._limits._visitors_cost, get_hub()._limits._held, get_hub()._limits._alike) == (0, {}, {})


async def test_those_who_share_what_they_have_do_not_lose_it_to_one_who_asks_for_more(settings):
    limit(settings, anonymous_live_queries=60)
    async with WireClient() as one, WireClient() as other, WireClient() as third:
        assert await ask(one, [1]) == await ask(other, [1]) == set()
        assert await ask(third, [2]) == set()
        assert await ask(third, [3]) == {3}
        assert (one.refusals, other.refusals) == ({}, {})


async def test_live_query_counts_once_for_all_connections_of_a_user(identity, settings):
    limit(settings, live_queries=20)
    async with WireClient(identity) as one, WireClient(identity) as other:
        assert await ask(one, [1, 2]) == set()
        assert await ask(other, [1, 2]) == set()
        assert await ask(other, [3]) == {3}


async def test_those_who_hold_most_lose_the_costliest_first(identity, settings):
    limit(settings, anonymous_live_queries=100)
    async with WireClient() as greedy, WireClient() as modest, WireClient(identity) as client:
        assert await ask(client, range(1, 6)) == set()
        assert await ask(greedy, [1, 2, 3]) == set()
        assert await ask(greedy, range(4, 9), stream="top") == set()
        assert await ask(modest, [1], of="other ") == set()
        await until(lambda: greedy.refusals)
        assert len(set(greedy.refusals) & {1, 2, 3}) == 1
        assert set(greedy.refusals.values()) == {4002}
        assert client.refusals == {}
        assert await ask(greedy, [20]) == {20}


async def test_live_query_that_fails_is_held_no_longer(identity, settings, monkeypatch):
    limit(settings, live_queries=10)
    async with WireClient(identity) as client:
        monkeypatch.setattr(FoundStream, "get_queryset", lambda self, title: 1 / 0)
        assert await ask(client, [1]) == {1}
        monkeypatch.undo()
        assert await ask(client, [2]) == set()


def test_addresses_of_one_network_hold_live_queries_together():
    quotas = Quotas()
    one, two, other = (
        quotas.enter(user=None, address=address, now=0.0)
        for address in ("2a00:1450:4001:1::/64", "2a00:1450:4001:2::/64", "2a00:1450:4002:1::/64")
    )
    assert one.holder is two.holder is not other.holder
    for user, address in ((None, "192.0.2.1"), (None, ""), ("5", "2a00:1450:4001:1::/64")):
        quota = quotas.enter(user=user, address=address, now=0.0)
        assert quota.holder is quota
