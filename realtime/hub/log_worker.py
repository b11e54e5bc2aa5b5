"""Log worker: the loop that serves the subscribers of one log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeVar

from realtime.auth.users import user_database
from realtime.changelog import get_changelog
from realtime.conf import limits
from realtime.exceptions import ClientError, InternalError
from realtime.hub.awaited_calls import AwaitedCalls
from realtime.hub.counters import count
from realtime.hub.frames import RoundFrames
from realtime.hub.live_query_limits import LiveQueryLimits
from realtime.hub.pacing import Pacing
from realtime.hub.pubsub.notifications import Waiter
from realtime.hub.subscribers import Client, Subscribers, call_client
from realtime.hub.text_relay import TextRelay
from realtime.hub.threads import ReaderThread, close_pool
from realtime.hub.waiting import QueryRequest, WaitingClients
from realtime.protocol.effects import Subscription
from realtime.queries.opening import RowsPart
from realtime.queries.query_key import QueryKey
from realtime.queries.round import HandOut, Round
from realtime.queries.tail import Tail
from realtime.queries.tick import Cost, Tick, Want
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")
Result = TypeVar("Result")

ANSWER_SECONDS = 0.02  # per round for answering subscribers; the others wait for the next round
IDLE_SECONDS = 3600.0  # without subscribers, there is nothing to poll for
LOOK_SECONDS = 0.1  # between two checks of a tick that takes long


class TookTooLong(Exception):
    """The current tick was abandoned, because reading this live query took too long; None: several together did."""

    def __init__(self, key: QueryKey | None) -> None:
        self.key = key
        super().__init__(key)


class SlowQueryWatch(Protocol):
    """Decides what happens to slow live queries."""

    def limit(self, worker: LogWorker) -> float:
        """Return how many seconds this worker may read a live query in one tick."""
        ...

    def may_leave_behind(self) -> bool:
        """Return whether one more thread may be abandoned with a live query that does not end."""
        ...

    def leave_behind(self, end: Future[None], interrupt: Callable[[], None] | None) -> None:
        """Note an abandoned thread: it ends when its query does."""
        ...

    def give_up(self, worker: LogWorker, key: QueryKey) -> None:
        """Note that a round was abandoned because of this live query."""
        ...

    def measure(self, worker: LogWorker, seconds: Mapping[QueryKey, float], answered: Collection[QueryKey]) -> None:
        """Note how many seconds a round has read each live query, and which of them it has answered."""
        ...


class Leftovers(NamedTuple):
    """The pending requests and the subscribers of a live query that a worker no longer reads."""

    requests: list[QueryRequest]
    subscribers: list[tuple[int, Client]]


class LogWorker:
    """The subscribers of one log, or those of its slow live queries, and the loop that serves them.

    A worker of slow live queries starts at `start`, the position up to which another worker has read the log.
    """

    def __init__(
        self,
        alias: str,
        number: int,
        clients: Collection[Client],
        users: Callable[[], frozenset[str]],
        watch: SlowQueryWatch,
        query_limits: LiveQueryLimits,
        texts: TextRelay,
        *,
        start: str | None = None,
        has_access: bool = False,
    ) -> None:
        self.alias = alias
        self.number = number
        self.position = ""  # the cursor of the last tick
        self.resume = ""  # the one from which clients must resume
        self.started = asyncio.Event()  # set after the first tick: no later change is missed
        self.subscribers = Subscribers()
        self.pacing = Pacing(is_apart=start is not None)
        self._waiting = WaitingClients()
        self._calls = AwaitedCalls()
        self._frames: RoundFrames | None = None  # of the current round
        self._access_checked = False  # for the current round
        self._stalled = False  # the log cannot be read, and clients know that they may be stale
        self._clients = clients
        self._users = users  # those of all clients
        self._has_access = has_access  # access changes of all clients are in this log
        self._watch = watch
        self._texts = texts
        self._limits = query_limits
        self._tail = Tail(get_changelog(alias), max_changes=limits.changes, seconds=ANSWER_SECONDS)
        self._tail.cursor = start or None
        self.thread = ReaderThread(f"realtime-{alias}")
        self._waiter = Waiter(alias, listens=start is None)
        self._task = asyncio.create_task(self._run(), name=f"realtime log {alias}")

    def subscribe(self, client: Client, subscription: Subscription, stream: ModelStream, want: Want) -> None:
        known = self.subscribers.has(client, want.key)
        if known or any(item.want.key == want.key for item in self._waiting.of(client)):
            want = Want(want.key, None)  # two subscriptions may lack different changes
        else:
            want = want.from_nothing()._replace(in_parts=client.takes_parts)
        self._wait(QueryRequest(client, subscription, stream, want))

    def catch_up(self, client: Client, query: int, cursor: str | None) -> bool:
        """Bring a client's live query up to date; return whether it belongs to this worker."""
        found = self.subscribers.find(query)
        if found is None:
            return False
        key, stream = found
        self._wait(QueryRequest(client, None, stream, Want(key, cursor, in_parts=client.takes_parts)))
        return True

    def audience(self, query: int) -> list[Client]:
        """Return the subscribers of a live query."""
        return list(self.subscribers.of(query))

    def wake(self) -> None:
        """Run a round soon."""
        self._waiter.wake()

    def _wait(self, request: QueryRequest) -> None:
        self._waiting.add(request)
        self._waiter.wake()

    def expect(self, client: Client, key: str, call: str) -> None:
        """Expect a call: the frame that has its effects will name it."""
        self._calls.add(client, key, call)

    def settle(self, client: Client, key: str, *, ran: bool) -> None:
        """Handle a call's answer: look for its effects if it ran, else stop expecting it."""
        if self._calls.settle(client, key, ran=ran):
            self._waiter.wake()

    def unsubscribe(self, client: Client, query: int) -> None:
        if client not in self.subscribers.of(query) or (found := self.subscribers.find(query)) is None:
            return
        key, _ = found
        self._waiting.stop_catching_up(client, key)
        self.subscribers.remove(client, query)
        self._limits.release(client, key)

    def send_parts(self, client: Client) -> bool:
        """Go on with what a client is sent in parts, because it can take the next one; return whether there is any."""
        parked = self._waiting.unpark(client)
        if parked:
            self._waiter.wake()
        return parked

    def withdraw(self, client: Client, subscription: Subscription) -> None:
        """Forget what was requested for a subscription, which is requested again."""
        self._forget(self._waiting.withdraw(client, subscription))

    def _forget(self, requests: Iterable[QueryRequest]) -> None:
        for client, _, _, want in requests:
            waits = any(item.want.key == want.key for item in self._waiting.of(client))
            if not waits and not self.subscribers.has(client, want.key):
                self._limits.release(client, want.key)
            if not self.has(want.key):
                self.subscribers.retired.add(want.key)

    def remove_client(self, client: Client) -> None:
        self._forget(self._waiting.remove_client(client))
        self._calls.remove_client(client)
        self.subscribers.remove_client(client)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, self._waiter.close(), return_exceptions=True)
        await close_pool(self.thread)

    def costs(self) -> Iterator[tuple[Cost, int]]:
        """Yield the cost of each live query, and its number of subscribers."""
        return ((cost, len(self.subscribers.of(cost.id))) for cost in self._tail.costs())

    def has(self, key: QueryKey) -> bool:
        """Return whether this live query has subscribers or pending requests."""
        return self.subscribers.knows(key) or any(item.want.key == key for item in self._waiting)

    def refuse(self, key: QueryKey, error: ClientError) -> None:
        """Refuse this live query to all subscribers and to all clients waiting for it."""
        leftovers = self.give_away(key)
        for request in leftovers.requests:
            self._refuse(request, error)
        for query, client in leftovers.subscribers:
            self._limits.release(client, key)
            call_client(client, client.fail, query, error)

    def give_away(self, key: QueryKey) -> Leftovers:
        """Stop reading this live query; return its requests and subscribers."""
        requests = self._waiting.remove_query(key)
        self.subscribers.retired.add(key)
        return Leftovers(requests, self.subscribers.dismiss([key]))

    async def _run(self) -> None:
        while True:
            try:
                if self.pacing.retry:
                    await asyncio.sleep(self.pacing.retry)
                else:
                    await self._wait_for_news()
                try:
                    await self._round()
                except TookTooLong as slow:
                    self._waiter.wake()  # other live queries still wait for this round
                    if slow.key is not None:
                        self._watch.give_up(self, slow.key)
            except Exception:
                count("log_failures", self.alias)
                retry = self.pacing.fail()
                fields = {"log": self.alias, "retry": retry}
                logger.exception(
                    "The log %s could not be read; trying again in %.2f s.", self.alias, retry, extra=fields
                )
                self._stall()

    def _stall(self) -> None:
        if not self._stalled:
            self._stalled = True
            for client in list(self.subscribers.clients):
                call_client(client, client.stall)

    async def _wait_for_news(self) -> None:
        await self._wait_for_any()
        if (rest := self.pacing.rest(waiting=bool(self._waiting))) > 0:
            await asyncio.sleep(rest)

    async def _wait_for_any(self) -> None:
        while self.position and not self._waiting and not self._calls.due:
            if not self.subscribers and self.subscribers.retired:
                return
            if not (self._clients if self._has_access else self.subscribers or any(self._waiting)):
                await self._waiter.wait(IDLE_SECONDS)
            else:
                woken = await self._waiter.wait(self._seconds_to_wait()) or self._tail.is_due()
                if woken or await asyncio.wrap_future(self.thread.submit(self._tail.moved)):
                    return

    def _seconds_to_wait(self) -> float:
        """Return the seconds until the next poll, or until a live query changes by time alone."""
        withheld = self._tail.withheld_seconds()
        log = self._tail.log
        poll = log.flow_poll_seconds if self.pacing.flows else log.poll_seconds
        return max(0.0, min(poll, self._tail.next_due - time.time(), withheld))

    async def _round(self) -> None:
        self.pacing.begin()
        self._waiting.begin()
        self._calls.due = False
        # a live query that is opened in parts has no subscribers yet
        retired = self.subscribers.take_retired() - {item.want.key for item in self._waiting}
        bound = {item.client for item in self._waiting.serving} | self._calls.clients
        frames = self._frames = RoundFrames(self.number, self.subscribers, bound)
        self._access_checked = False
        round = Round(None if self._stalled else self._hand_out(frames))
        try:
            tick = await self._tick(round, retired)
        except BaseException:
            self._frames = None
            self._waiting.fail()
            self.subscribers.retired |= retired
            raise
        self._frames = None
        served = self._waiting.finish()
        self.position, self.resume = tick.cursor, tick.resume
        self.started.set()
        if tick.deferred:
            served = self._waiting.defer(served, tick.deferred)
        self._check_access(tick)
        self._refuse_failed(tick, served)
        if any(delta.refers for delta in tick.deltas.values()):
            self._texts.flush(self.alias)
        for item in served:
            if item.subscription is None and item.want in tick.parts:  # it has missed too much: it subscribes again
                call_client(item.client, item.client.move, self.subscribers.number(item.want.key))
        self._deliver(frames, tick, served)
        for item in served:
            if (part := tick.parts.get(item.want)) is not None:
                call_client(item.client, self._send_part, item, part)
        self._texts.show(self, tick.texts, tick.new_texts)
        greeted: defaultdict[int, list[Client]] = defaultdict(list)
        for item in served:
            if (answer := tick.answers.get(item.want)) is not None:
                greeted[answer.query].append(item.client)
        for query, clients in greeted.items():
            self._texts.greet(query, clients)
        self._watch.measure(self, round.seconds, {want.key for want in tick.answers})
        # clients that left while they were answered
        self.subscribers.retired |= {
            want.key for want, answer in tick.answers.items() if not self.subscribers.of(answer.query)
        }
        seconds = self.pacing.end(tick.changes)
        count("ticks", self.alias)
        if tick.resets:
            count("resets", amount=tick.resets)
        count("tick_seconds", self.alias, amount=seconds)

    def _hand_out(self, frames: RoundFrames) -> HandOut:
        """Return what the thread of a round calls to have these frames sent before its end."""
        loop = asyncio.get_running_loop()

        def hand_out(tick: Tick | None, left: Collection[int]) -> None:
            loop.call_soon_threadsafe(self._send_early, frames, tick, left)

        return hand_out

    def _send_early(self, frames: RoundFrames, tick: Tick | None, left: Collection[int]) -> None:
        """Send what a round has for clients that it has nothing else for; None: it starts over."""
        if frames is not self._frames:  # it has failed
            return
        if tick is None:
            self._access_checked = False  # access may have changed again
            frames.start_over()
        else:
            self.resume = ""  # some clients are ahead of it
            self._check_access(tick)
            frames.send_early(tick, left)

    def _check_access(self, tick: Tick) -> None:
        """Let clients check their access again, if a round requires it, before any of its frames is sent.

        So rows written after a revocation do not reach clients whose access has been revoked.
        """
        if tick.access and not self._access_checked:
            self._access_checked = True
            for client in list(self._clients):
                call_client(client, client.reauthorize, tick.access)

    async def _tick(self, round: Round, retired: Collection[QueryKey]) -> Tick:
        """Compute a tick in the thread; abandon both if one live query takes too long."""
        wants = {item.want: item.stream for item in self._waiting.serving}
        if self.alias == user_database():
            self._tail.note_users(self._users())
        texts, batches = self._texts.of(self.alias), self._waiting.batches()
        work = self._tail.tick, wants, retired, self._calls.keys, batches, round, texts
        tick = asyncio.wrap_future(self.thread.submit(*work))
        tick.add_done_callback(lambda tick: tick.cancelled() or tick.exception())  # nothing may wait for it any more
        while True:
            await asyncio.wait([tick], timeout=LOOK_SECONDS)
            if tick.done():
                return tick.result()
            keys = round.slow(self._watch.limit(self))
            if keys and self._watch.may_leave_behind() and round.give_up(keys):
                break
        left, self.thread = self.thread, ReaderThread(f"realtime-{self.alias}")  # it may raise
        [end] = left.close()
        self._watch.leave_behind(end, round.interrupt)
        raise TookTooLong(round.stuck)

    def _refuse_failed(self, tick: Tick, served: list[QueryRequest]) -> None:
        for request in served:
            if (key := request.want.key) in tick.failed:
                self._refuse(request, tick.errors.get(key) or InternalError())
        numbers = {self.subscribers.number(key): key for key in tick.failed}
        for query, client in self.subscribers.dismiss(tick.failed):
            self._limits.release(client, numbers[query])
            call_client(client, client.fail, query, tick.errors.get(numbers[query]) or InternalError())

    def _refuse(self, request: QueryRequest, error: ClientError) -> None:
        if request.subscription is not None:
            self._limits.release(request.client, request.want.key)
            call_client(request.client, request.client.refuse, request.subscription, error)

    def _send_part(self, request: QueryRequest, part: RowsPart) -> None:
        client, subscription, _, want = request
        if subscription is None:
            return
        if not client.wants(subscription):
            self._forget([request])
            return
        if client.is_ready:
            client.send_part(subscription, part.puts, is_first=part.is_first)
            request = request._replace(want=want.after(part))
        if client.is_ready:
            self._waiting.add(request)
        else:
            self._waiting.park(request)

    def _deliver(self, frames: RoundFrames, tick: Tick, served: list[QueryRequest]) -> None:
        for item in served:
            if (answer := tick.answers.get(item.want)) is not None:
                self.subscribers.add(item.client, answer.query, item.want.key, item.stream, number=answer.number)
        calls = self._calls.pop(tick.ran)
        stalled, self._stalled = (self.subscribers.clients if self._stalled else ()), False
        frames.send_rest(tick, served, calls=calls, also=stalled)
