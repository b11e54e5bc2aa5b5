"""Whoever asks for much at once waits for it; the others are served meanwhile."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from realtime.auth.identity import Identity
from realtime.hub import log_worker, waiting
from realtime.hub.hub import get_hub
from realtime.queries.tail import Tail
from tests.models import Book, Shelf
from tests.support.limits import limit
from tests.support.wire import WireClient, until


@pytest.fixture
def shelves(elsewhere) -> list[Shelf]:
    return elsewhere(lambda: [Shelf.objects.create(name=str(number)) for number in range(80)])


@pytest.fixture
def people(elsewhere) -> list[Identity]:
    names = ("ann", "bob")
    return [Identity(str(user.pk)) for user in elsewhere(lambda: [User.objects.create_user(name) for name in names])]


@pytest.fixture(autouse=True)
def no_time(monkeypatch) -> None:
    """Each round answers one batch."""
    monkeypatch.setattr(log_worker, "ANSWER_SECONDS", -1.0)


def live(client: WireClient) -> int:
    return sum(item.live for item in client.protocol.subscriptions.values())


@pytest.fixture
def rounds(monkeypatch) -> list[tuple[set[bytes], set[bytes]]]:
    """The parameters that each round was asked for, and those that it answered."""
    rounds = []
    whole = Tail.tick

    def tick(self, wants, *args):
        tick = whole(self, wants, *args)
        if wants:
            rounds.append(tuple({want.key.params for want in found} for found in (wants, tick.answers)))
        return tick

    monkeypatch.setattr(Tail, "tick", tick)
    return rounds


async def test_one_who_subscribes_to_much_keeps_nobody_waiting(shelves, people, rounds):
    *many, last = shelves
    async with WireClient(people[0]) as greedy, WireClient(people[0]) as same, WireClient(people[1]) as other:
        for client in (greedy, same):
            for id, shelf in enumerate(many, 1):
                client.say(client.protocol.subscribe(id, stream="top", params={"shelf": shelf.pk}))
        await until(lambda: live(greedy) + live(same))
        await other.subscribe("top", shelf=last.pk)
        await until(lambda: live(greedy) == live(same) == len(many))

    own = f'{{"shelf":{last.pk}}}'.encode()
    concerned = [(wanted, answered) for wanted, answered in rounds if own in wanted]
    assert len(concerned) <= 2
    assert own in concerned[-1][1]
    assert all(len(answered) <= waiting.SUBSCRIPTIONS_PER_FRAME for _, answered in rounds)


async def test_clients_that_are_behind_in_much_catch_up_in_one_frame_each(shelves, people, elsewhere, settings):
    limit(settings, window_frames=1)
    async with WireClient(people[0]) as one, WireClient(people[1]) as other:
        for client in (one, other):
            for id, shelf in enumerate(shelves[:10], 1):
                await client.subscribe("top", id=id, shelf=shelf.pk)
            client.protocol.holding_acks = True
        for shelf in shelves[:10]:
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=shelf.name)
        await until(lambda: one.protocol.behind and other.protocol.behind)
        for client in (one, other):
            client.protocol.holding_acks = False
            client.say(client.protocol.ack())
        await until(lambda: all(client.titles(id) for client in (one, other) for id in range(1, 11)))
        await until(lambda: one.protocol.live and other.protocol.live)


async def test_what_nobody_needs_any_more_is_not_kept(shelves, people):
    async with WireClient(people[1]) as other:
        await other.subscribe("top", shelf=shelves[0].pk)
        async with WireClient(people[0]) as greedy:
            for id, shelf in enumerate(shelves, 1):
                greedy.say(greedy.protocol.subscribe(id, stream="top", params={"shelf": shelf.pk}))
            await until(lambda: live(greedy))
        [log] = get_hub()._logs.values()
        log._waiter.wake()
        await until(lambda: len(log._tail._queries) == 1)
