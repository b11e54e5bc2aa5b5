"""Who waits for a live query, and in which order they are answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from realtime.hub.waiting import SUBSCRIPTIONS_PER_FRAME, QueryRequest, WaitingClients
from realtime.queries.query_key import QueryKey
from realtime.queries.tick import Want
from realtime.streams.surroundings import SITE


class Client:
    def __init__(self, owner: str) -> None:
        self.quota = SimpleNamespace(owner=owner)


def key(name: str) -> QueryKey:
    return QueryKey(name, b"{}", None, "NoneType", "data", SITE)


def request(client: Any, name: str, cursor: str | None = None, *, new: bool = True) -> QueryRequest:
    return QueryRequest(client, object() if new else None, None, Want(key(name), cursor))  # type: ignore[arg-type]


def names(batches: list[list[Want]]) -> list[list[str]]:
    return [[want.key.stream for want in batch] for batch in batches]


def test_two_requests_from_different_places_both_get_all_rows():
    waiting, ann = WaitingClients(), Client("ann")
    waiting.add(request(ann, "a", "e.1", new=False))
    waiting.add(request(ann, "a", "e.2"))
    assert {item.want.cursor for item in waiting} == {None}


def test_each_owner_has_its_turn_with_one_frame():
    waiting, ann, bob = WaitingClients(), Client("ann"), Client("bob")
    for number in range(SUBSCRIPTIONS_PER_FRAME + 1):
        waiting.add(request(ann, f"a{number}"))
    waiting.add(request(bob, "b"))
    waiting.begin()
    first, second, third = names(waiting.batches())
    assert (len(first), second, third) == (SUBSCRIPTIONS_PER_FRAME, ["b"], [f"a{SUBSCRIPTIONS_PER_FRAME}"])


def test_round_that_fails_is_answered_by_the_next_one_before_those_who_came_since():
    waiting, ann, bob = WaitingClients(), Client("ann"), Client("bob")
    waiting.add(request(ann, "a"))
    waiting.begin()
    waiting.add(request(bob, "b"))
    waiting.fail()
    waiting.begin()
    assert names(waiting.batches()) == [["a"], ["b"]]


def test_owners_of_whom_nobody_was_answered_come_first():
    waiting, ann, bob, cleo = WaitingClients(), Client("ann"), Client("bob"), Client("cleo")
    for item in (request(ann, "a1"), request(ann, "a2"), request(bob, "b")):
        waiting.add(item)
    waiting.begin()
    served = waiting.finish()
    waiting.add(request(cleo, "c"))
    answered = waiting.defer(served, {item.want for item in served if item.want.key.stream != "a1"})
    assert [item.want.key.stream for item in answered] == ["a1"]
    waiting.begin()
    assert names(waiting.batches()) == [["b"], ["c"], ["a2"]]


def test_client_that_left_is_not_caught_up_but_its_new_subscription_is_answered():
    waiting, ann = WaitingClients(), Client("ann")
    waiting.add(request(ann, "a", "e.1", new=False))
    waiting.begin()
    waiting.add(request(ann, "a"))
    waiting.stop_catching_up(ann, key("a"))  # type: ignore[arg-type]
    assert waiting.finish() == []
    assert [item.subscription is not None for item in waiting] == [True]


def test_query_that_is_removed_gives_back_the_new_subscriptions():
    waiting, ann, bob = WaitingClients(), Client("ann"), Client("bob")
    new = request(bob, "a")
    for item in (request(ann, "a", "e.1", new=False), new, request(ann, "b")):
        waiting.add(item)
    assert waiting.remove_query(key("a")) == [new]
    assert [item.want.key.stream for item in waiting] == ["b"]
