"""Fan-out: computes which frame of a tick each client receives. It has no side effects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from realtime.hub.subscribers import Client, Delivery, Subscribers
from realtime.hub.waiting import QueryRequest
from realtime.protocol.codec import Encoded, LazyFrame
from realtime.protocol.effects import Subscription
from realtime.queries.shared_delta import Form, SharedDelta
from realtime.queries.tick import Tick

NOBODY: frozenset[Client] = frozenset()


class Addressed(NamedTuple):
    """A delivery and its recipients."""

    delivery: Delivery
    clients: list[Client]


def fan_out(
    tick: Tick,
    served: Iterable[QueryRequest],
    subscribers: Subscribers,
    *,
    log: int,
    calls: Mapping[Client, tuple[str, ...]],
    also: Iterable[Client] = NOBODY,
    without_cursor: Collection[int] = (),
    chosen: Callable[[Client], bool] | None = None,
) -> list[Addressed]:
    """Return the deliveries of a tick for the clients that are still subscribed.

    `calls` are those whose effects the tick has; the clients in `also` get a frame in any case. Each distinct set of
    deltas has one frame, and clients that need nothing else share one delivery. Patches of live queries
    `without_cursor` are also there in short. Only subscribers that are `chosen` get deltas.
    """
    parts: defaultdict[Client, list[bytes]] = defaultdict(list)
    accepted: defaultdict[Client, list[tuple[Subscription, int, str]]] = defaultdict(list)
    caught_up: defaultdict[Client, set[int]] = defaultdict(set)
    for item in served:
        if (answer := tick.answers.get(item.want)) is None:
            continue
        if answer.delta is not None and answer.query not in caught_up[item.client]:
            parts[item.client].append(answer.delta)
        caught_up[item.client].add(answer.query)
        if item.subscription is not None:
            accepted[item.client].append((item.subscription, answer.query, answer.fingerprint))

    also = frozenset(also)
    if len(tick.deltas) == 1 and not caught_up and not calls and not also:
        # the usual case: the subscribers of one live query
        [(query, delta)] = tick.deltas.items()
        forms = _forms(query, delta, subscribers, chosen)
        return [
            Addressed(_delivery(tick, log, [part], delta.short(form) if query in without_cursor else None), clients)
            for form, part, clients in forms
        ]

    shorts: dict[int | tuple[int, ...], Encoded | None] = {}
    for query, delta in tick.deltas.items():
        for form, part, clients in _forms(query, delta, subscribers, chosen):
            if query in without_cursor:
                shorts[id(part)] = delta.short(form)
            for client in clients:
                if not caught_up or query not in caught_up.get(client, ()):
                    parts[client].append(part)
    shared: dict[int | tuple[int, ...], Addressed] = {}
    deliveries: list[Addressed] = []
    for client in {*parts, *caught_up, *calls, *also} if caught_up or calls or also else parts:
        deltas = parts.get(client, [])
        composition = id(deltas[0]) if len(deltas) == 1 else tuple(map(id, deltas))
        addressed = shared.get(composition)
        if addressed is None:
            addressed = Addressed(_delivery(tick, log, deltas, shorts.get(composition)), [])
            shared[composition] = addressed
        if client in caught_up or client in calls:
            delivery = addressed.delivery._replace(
                accepted=tuple(accepted.get(client, ())),
                caught_up=frozenset(caught_up.get(client, ())),
                calls=calls.get(client, ()),
                plain=False,
                short=None,
            )
            deliveries.append(Addressed(delivery, [client]))
        else:
            addressed.clients.append(client)
    return deliveries + [addressed for addressed in shared.values() if addressed.clients]


def _forms(
    query: int, delta: SharedDelta, subscribers: Subscribers, chosen: Callable[[Client], bool] | None
) -> list[tuple[Form, bytes, list[Client]]]:
    """Return the encoded forms of a delta, each with its recipients."""
    clients = subscribers.of(query)
    if chosen is not None:
        clients = {client: received for client, received in clients.items() if chosen(client)}
    if not clients:
        return []
    if (common := subscribers.common_form(query, delta.base)) is not None:
        part = delta.encoded(common)
        return [] if part is None else [(common, part, list(clients))]
    groups: defaultdict[Form, list[Client]] = defaultdict(list)
    for client, received in clients.items():
        groups[delta.form_for(received)].append(client)
    encoded = [(form, delta.encoded(form), recipients) for form, recipients in groups.items()]
    return [(form, part, recipients) for form, part, recipients in encoded if part is not None]


def _delivery(tick: Tick, log: int, deltas: list[bytes], short: Encoded | None) -> Delivery:
    return Delivery(log, tick.before, LazyFrame(log, tick.resume, deltas), short=short)
