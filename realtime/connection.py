"""Connection: drives one client's session, over whichever transport: bytes in, hub and actions called, bytes out."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Protocol

from realtime.admission import Admitted
from realtime.calls import Calls
from realtime.conf import settings
from realtime.exceptions import (
    ClientError,
    InternalError,
    Overloaded,
    ProtocolError,
    TimedOut,
)
from realtime.figures import count, get_figures
from realtime.hub import Hub
from realtime.identity import Identity
from realtime.judging import Judging
from realtime.protocol.bucket import Bucket
from realtime.protocol.codec import Encoded
from realtime.protocol.demands import CatchUp, Demand, Leave, Sent, Subscription
from realtime.protocol.messages import Authenticate, Call, Window
from realtime.protocol.session import ClientSession
from realtime.protocol.states import State
from realtime.speech import Speech
from realtime.streams.grounds import Access
from realtime.subscribers import Delivery

logger = logging.getLogger("realtime.connections")

SILENT_BEATS = 2.5  # beats without an answer after which a client is taken for gone

_numbers = itertools.count(1)


class Transport(Protocol):
    """What carries messages to a client. Neither method blocks, or raises when the client is gone."""

    def send(self, text: str) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Connection:
    """One client, from the moment that its transport is there until `close`.

    `address` is where the client is, "" if that is not known. It may be sent `windows` times as many messages as
    REALTIME_WINDOW_FRAMES before it acknowledges. Raise `Overloaded` where the user, or the address, has too many
    connections already.
    """

    def __init__(
        self, *, hub: Hub, transport: Transport, identity: Identity, address: str = "", windows: int = 1
    ) -> None:
        now = asyncio.get_running_loop().time()
        self.quota = hub.quotas.enter(user=identity.user, address=address, now=now)
        self.id = f"{get_figures().process}-{next(_numbers)}"  # among those of all processes
        self.behind_since: float | None = None  # by the monotonic clock, while it cannot be sent what is new
        self._hub = hub
        self._transport = transport
        self.identity = identity
        self._address = address
        self._beat_seconds: float = settings.BEAT_SECONDS
        self.session = ClientSession(
            beat_seconds=self._beat_seconds,
            window=Window(frames=windows * settings.WINDOW_FRAMES, bytes=settings.WINDOW_BYTES),
            max_bytes=settings.MAX_MESSAGE_BYTES,
            max_subscriptions=settings.MAX_SUBSCRIPTIONS,
        )
        self._messages = Bucket(settings.MAX_MESSAGES_PER_SECOND, now)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._opened = self.heard = self._beaten = now
        self._judging = Judging(self, hub)
        self._calls = Calls(self, hub)
        self._speech = Speech(self, hub)
        hub.attach(self, identity.user)

    def receive(self, data: str | bytes) -> None:
        """Take one message of the client."""
        self.heard = asyncio.get_running_loop().time()
        try:
            if (wait := self._messages.take(self.heard)) > 0:
                rate = self._messages.rate
                raise Overloaded(f"A connection may send {rate:g} messages a second in the long run.", retry=wait)
            answers, demands = self.session.receive(data)
            self.say(answers)
            self.handle(demands)
            self.go_on()
        except ProtocolError as error:
            self.end(error)
        except Exception:
            logger.exception("A message of a client could not be handled.")
            self.end(InternalError())

    def end(self, error: ProtocolError) -> None:
        """Tell the client why, and close its transport."""
        bye = self.session.close(error)
        if bye is not None:
            count("closes", error.code.name.lower())
            self._transport.send(bye.text)
            self._transport.close(error.code, error.reason)

    @property
    def user(self) -> str | None:
        """The key of whose it is; None for a visitor."""
        return self.identity.user

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return len(self.session.subscriptions)

    @property
    def busy(self) -> bool:
        """Whether a call of the client waits for its reply."""
        return self._calls.open

    @property
    def settled(self) -> bool:
        """Whether each subscription that was asked for is live, or has been refused."""
        return self._judging.settled and self.session.settled

    @property
    def spent(self) -> bool:
        """Whether nothing more is sent before the client acknowledges."""
        return self.session.spent

    async def said(self) -> None:
        """Wait until the client's events are on their way, or refused, as far as its subscriptions are admitted."""
        await self._speech.said()

    async def close(self) -> None:
        """The transport is gone: leave nothing behind."""
        self.session.abandon()
        self._hub.quotas.leave(self.quota)
        self._speech.attend()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hub.detach(self, self.identity.user)

    # what the hub calls

    def deliver(self, delivery: Delivery) -> None:
        if delivery.plain and self.session.passes(delivery.frame, delivery.log):
            self._transport.send(delivery.frame.text)
            return
        left: list[int] = []
        for subscription, query in delivery.accepted:
            view = subscription.subject.view() if isinstance(subscription.subject, Admitted) else ""
            accepted = self.session.accept(subscription, query=query, log=delivery.log, view=view)
            if accepted is not None:
                self.say([accepted])
            else:
                left.append(query)
        for query in left:  # when all are accepted: the client may have asked for the same live query again
            self.handle(self.session.leave(query))
        if delivery.accepted:
            self._speech.attend()
        log, before, frame, _, caught_up, calls, _ = delivery
        self.say(self.session.offer(frame, log=log, before=before, caught_up=caught_up, calls=calls))
        if not self.session.behind:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = time.monotonic()
            count("behind")
        if self.session.behind and self.session.has_credit:
            self.handle(self.session.lagging())

    def refuse(self, subscription: Subscription, error: ClientError) -> None:
        refused = self.session.refuse(subscription, code=error.code, reason=error.reason)
        if refused is not None:
            count("refusals", error.code.name.lower())
            self.say([refused])
            if subscription.query is not None:
                self._speech.attend(at_once=True)
                self.handle(self.session.leave(subscription.query))

    def fail(self, query: int, error: ClientError) -> None:
        for item in list(self.session.subscriptions.values()):
            if item.query == query:
                self.refuse(item, error)

    def reconsider(self, access: Access) -> None:
        self._judging.reconsider(access)

    def stall(self) -> None:
        self.say(self.session.stall())

    def notify(self, event: Encoded) -> None:
        self.say(self.session.notify(event))

    def sweep(self, now: float, positions: Mapping[int, str]) -> None:
        if self.session.state is State.NEW and now - self._opened > settings.HELLO_SECONDS:
            self.end(TimedOut(f"No hello came within {settings.HELLO_SECONDS:g} seconds."))
        elif now - self.heard > SILENT_BEATS * self._beat_seconds:
            self.end(TimedOut(f"Nothing was heard for {SILENT_BEATS * self._beat_seconds:g} seconds."))
        elif self._judging.sweep(now):
            return
        elif now - self._beaten >= self._beat_seconds:
            self._beaten = now
            beat = self.session.beat(positions)
            if beat is not None:
                self.say([beat])

    # what the client wants

    def say(self, messages: list[Encoded]) -> None:
        for message in messages:
            self._transport.send(message.text)
        if self.session.overdrawn:
            self.end(Overloaded("The client does not acknowledge what it is sent."))

    def handle(self, demands: list[Demand]) -> None:
        for demand in demands:
            self._handle(demand)

    def _handle(self, demand: Demand) -> None:
        match demand:
            case Authenticate(token=token):
                self._judging.authenticate(token)
            case Subscription():
                self._judging.take(demand)
            case Call():
                self._calls.take(demand)
            case Sent(message=message, subscription=subscription):
                self._speech.take(message, subscription)
            case CatchUp(queries=queries):
                self._hub.catch_up(self, queries)
            case Leave(query=query):
                self._hub.leave(self, query)
                self._speech.attend()

    def go_on(self) -> None:
        """Take up what waits, if its answers may be sent."""
        self._judging.go_on()
        self._calls.go_on()

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        name = work.__qualname__  # one task per kind of work
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._finish(name, work), name=f"realtime {name}")
        return self._tasks[name]

    async def _finish(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("A client's request could not be handled.")
            self.end(InternalError())
        finally:
            del self._tasks[name]

    def admitted(self) -> None:
        """Subscriptions have been admitted: what was to be said through them may be."""
        self._speech.go_on()

    def enter(self, identity: Identity, *, renewed: bool) -> None:
        """Who the client is is known now, or known anew. Raise `Overloaded` where it has too many connections."""
        if not renewed:
            now = asyncio.get_running_loop().time()
            quota = self._hub.quotas.enter(user=identity.user, address=self._address, now=now)
            self._hub.quotas.leave(self.quota)
            self.quota = quota
            self._speech.enter(identity)
            self._hub.attach(self, identity.user)
        self.identity = identity
