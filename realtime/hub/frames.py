"""Frames: sends a round's frames to the subscribers of one log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from realtime.hub.counters import count
from realtime.hub.fanout import fan_out
from realtime.hub.subscribers import Client, Subscribers, end_client
from realtime.hub.waiting import QueryRequest
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.tick import Tick


class RoundFrames:
    """The frames of one round: each client gets one, with all that the round brings it.

    A client gets it when the round ends, or before, as soon as all its live queries have been read. This is not for
    clients that are `bound` to its end, because their frame says more.
    """

    def __init__(self, log: int, subscribers: Subscribers, bound: Collection[Client]) -> None:
        self._sent: set[Client] = set()  # before the end
        self._log = log
        self._subscribers = subscribers
        self._bound = bound
        self._deltas: dict[int, SharedDelta] = {}  # that have come before the end
        self._unready: set[Client] = set()  # have some of these, and wait for others
        self._needs_cursor: dict[int, bool] = {}

    def start_over(self) -> None:
        """Forget what was sent: the round reads all again, and brings every client what may differ from it."""
        self._sent.clear()
        self._deltas.clear()
        self._unready.clear()

    def send_early(self, tick: Tick, left: Collection[int]) -> None:
        """Take further deltas, and send those of clients that have no live query among those `left` to be read."""
        self._deltas.update(tick.deltas)
        for query in tick.deltas:
            self._unready.update(self._subscribers.of(query))
        self._unready -= self._sent
        ready = {
            client
            for client in self._unready
            if client not in self._bound and self._subscribers.queries_of(client).isdisjoint(left)
        }
        if not ready:
            return
        theirs = set[int]().union(*map(self._subscribers.queries_of, ready))
        deltas = {query: delta for query, delta in self._deltas.items() if query in theirs}
        self._send(replace(tick, deltas=deltas), chosen=ready.__contains__)
        self._unready -= ready
        self._sent |= ready

    def send_rest(
        self,
        tick: Tick,
        served: Collection[QueryRequest],
        *,
        calls: Mapping[Client, tuple[str, ...]],
        also: Iterable[Client],
    ) -> None:
        """Send the frames of all others, with answers to requests, and the calls whose effects they have."""
        chosen = (lambda client: client not in self._sent) if self._sent else None
        self._send(tick, served, calls=calls, also=also, chosen=chosen)

    def _send(
        self,
        tick: Tick,
        served: Collection[QueryRequest] = (),
        *,
        calls: Mapping[Client, tuple[str, ...]] | None = None,
        also: Iterable[Client] = (),
        chosen: Callable[[Client], bool] | None,
    ) -> None:
        frames = size = 0
        deliveries = fan_out(
            tick,
            served,
            self._subscribers,
            log=self._log,
            calls=calls or {},
            also=also,
            without_cursor={query for query in tick.deltas if not self._takes_cursor(query)},
            chosen=chosen,
        )
        for delivery, clients in deliveries:
            frames += len(clients)
            size += len(clients) * (delivery.short or delivery.frame).size
            for client in clients:
                try:
                    client.deliver(delivery)
                except Exception:
                    end_client(client)
        if frames:
            count("frames", amount=frames)
            count("frame_bytes", amount=size)

    def _takes_cursor(self, query: int) -> bool:
        """Return whether the subscribers of a live query need a cursor: all or none of a round."""
        if query not in self._needs_cursor:
            self._needs_cursor[query] = self._subscribers.needs_cursor(query)
        return self._needs_cursor[query]
