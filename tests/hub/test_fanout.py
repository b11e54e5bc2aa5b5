"""The fan-out of a tick: one frame for each distinct set of deltas, and who gets it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from realtime.hub.fanout import fan_out
from realtime.hub.subscribers import Subscribers
from realtime.hub.waiting import QueryRequest
from realtime.protocol.messages import Delta
from realtime.queries.query_key import QueryKey
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.tick import Answer, Tick, Want
from realtime.streams.surroundings import SITE

ONE, TWO = (QueryKey(name, b"{}", None, "NoneType", "data", SITE) for name in ("one", "two"))


class Client(str):
    """A client that is known by its name."""

    delta_form = "patched"


class OldClient(Client):
    delta_form = "known"


def delta(query: int) -> SharedDelta:
    return SharedDelta(Delta(query=query, drops=("1",)))


def subscribed(**queries: list[Any]) -> Subscribers:
    subscribers = Subscribers()
    for query, (name, clients) in enumerate(queries.items(), start=1):
        for client in clients:
            client = client if isinstance(client, Client) else Client(client)
            subscribers.add(client, query, {"one": ONE, "two": TWO}[name], SimpleNamespace())  # type: ignore[arg-type]
    return subscribers


def shown(tick: Tick, subscribers: Subscribers, served: Any = (), **options: Any) -> dict[str, tuple[list[int], Any]]:
    """By client: the live queries in its frame, and the delivery."""
    found = {}
    for delivery, clients in fan_out(tick, served, subscribers, log=0, **{"calls": {}} | options):
        for client in clients:
            queries = [each["query"] for each in json.loads(delivery.frame.text)["deltas"]]
            found[client] = queries, delivery
    return found


def test_change_of_one_live_query_is_one_plain_delivery_for_all_its_subscribers():
    tick = Tick("e.1", "e.2", deltas={1: delta(1)})
    found = shown(tick, subscribed(one=["ann", "bob"], two=["cleo"]))
    assert {client: queries for client, (queries, _) in found.items()} == {"ann": [1], "bob": [1]}
    assert found["ann"][1] is found["bob"][1]
    assert found["ann"][1].plain


def test_each_gets_what_it_is_subscribed_to_in_one_frame():
    tick = Tick("e.1", "e.2", deltas={1: delta(1), 2: delta(2)})
    found = shown(tick, subscribed(one=["ann", "bob"], two=["bob", "cleo"]))
    assert {client: queries for client, (queries, _) in found.items()} == {"ann": [1], "bob": [1, 2], "cleo": [2]}


def test_nobody_gets_what_changes_nothing_for_them():
    assert shown(Tick("e.1", "e.2"), subscribed(one=["ann"])) == {}


def test_client_that_is_answered_gets_the_answer_in_place_of_the_change():
    want = Want(ONE, None)
    tick = Tick("e.1", "e.2", deltas={1: delta(1)}, answers={want: Answer(1, delta(1).encoded("whole"), "f")})
    request = QueryRequest("bob", "subscription", SimpleNamespace(), want)  # type: ignore[arg-type]
    found = shown(tick, subscribed(one=["ann", "bob"]), [request])
    assert (found["ann"][0], found["bob"][0]) == ([1], [1])
    assert (found["bob"][1].accepted, found["bob"][1].caught_up) == ((("subscription", 1, "f"),), frozenset({1}))
    assert found["ann"][1].plain


def test_calls_are_named_to_those_who_made_them_and_others_get_an_empty_frame_if_they_have_to():
    found = shown(Tick("e.1", "e.2"), subscribed(one=["ann", "bob"]), calls={"ann": ("c1",)}, also=["bob"])
    assert (found["ann"][1].calls, found["bob"][1].calls, found["bob"][0]) == (("c1",), (), [])


def test_each_gets_the_form_that_fits_the_rows_it_has():
    known, patched = Delta(query=1, drops=("2",)), Delta(query=1, drops=("3",))
    tick = Tick(
        "e.1", "e.2", deltas={1: SharedDelta(Delta(query=1, drops=("1",)), base=5, known=known, patched=patched)}
    )
    subscribers = subscribed()
    for client, number in ((Client("new"), 5), (Client("ann"), 4), (Client("bob"), 1), (OldClient("old"), 4)):
        subscribers.add(client, 1, ONE, SimpleNamespace(), number=number)  # type: ignore[arg-type]
    for calls in ({}, {"ann": ("c1",)}):  # the usual case, and the other one
        found = fan_out(tick, (), subscribers, log=0, calls=calls)
        drops = {
            client: json.loads(frame.frame.text)["deltas"][0]["drops"] for frame, some in found for client in some
        }
        assert drops == {"new": ["1"], "ann": ["3"], "bob": ["3"], "old": ["2"]}


def test_client_whose_rows_are_the_same_gets_no_frame():
    tick = Tick(
        "e.1", "e.2", deltas={1: SharedDelta(Delta(query=1, drops=("1",)), base=5, known=Delta(1), patched=Delta(1))}
    )
    subscribers = subscribed(one=["ann"])
    subscribers.add(Client("new"), 1, ONE, SimpleNamespace(), number=5)  # type: ignore[arg-type]
    assert list(shown(tick, subscribers)) == ["new"]
