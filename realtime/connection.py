"""Connection: drives one client's session, over whichever transport: bytes in, hub and actions called, bytes out."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from realtime.admission import Admitted, Request, Verdict, admit, logins_of
from realtime.calls import Calls
from realtime.conf import settings
from realtime.exceptions import (
    ClientError,
    GoingAway,
    InternalError,
    Overloaded,
    ProtocolError,
    SessionEnded,
    TimedOut,
)
from realtime.figures import count, get_figures
from realtime.hub import Hub
from realtime.identity import Identity, identify, session_digest
from realtime.logtask import Delivery
from realtime.protocol.bucket import Bucket
from realtime.protocol.codec import Encoded
from realtime.protocol.demands import CatchUp, Demand, Leave, Sent, Subscription
from realtime.protocol.messages import Authenticate, Call, Subscribe, Window
from realtime.protocol.session import ClientSession
from realtime.protocol.states import State
from realtime.speech import Speech
from realtime.streams.grounds import Access

logger = logging.getLogger("realtime.connections")

JUDGE_SECONDS = 2.0  # for a client to subscribe; one that does not is judged by itself
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
        self._subscribing: deque[Subscription] = deque()
        self._messages = Bucket(settings.MAX_MESSAGES_PER_SECOND, now)
        self._new_token: str | None = None  # that nobody has looked at yet
        self._access_changes = 0  # how often access had to be asked again
        self._valid_until: float | None = None  # when the user's session ends, if it is not prolonged
        self._never_judged = identity.session is not None  # so it is not known when the session ends
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._opened = self.heard = self._beaten = now
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
            self._handle_all(demands)
            self._go_on()
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
        return not self._subscribing and self.session.settled

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
            self._handle_all(self.session.leave(query))
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
            self._handle_all(self.session.lagging())

    def refuse(self, subscription: Subscription, error: ClientError) -> None:
        refused = self.session.refuse(subscription, code=error.code, reason=error.reason)
        if refused is not None:
            count("refusals", error.code.name.lower())
            self.say([refused])
            if subscription.query is not None:
                self._speech.attend(at_once=True)
                self._handle_all(self.session.leave(subscription.query))

    def fail(self, query: int, error: ClientError) -> None:
        for item in list(self.session.subscriptions.values()):
            if item.query == query:
                self.refuse(item, error)

    def reconsider(self, access: Access) -> None:
        streams = {subject.stream.name for _, subject in self._admitted()}
        user, session = self.identity.user, self.identity.session
        if f"user:{user}" in access.ended and user is not None:
            self.end(SessionEnded("An administrator has ended your connections."))
        elif self.id in access.ended:
            self.end(GoingAway("An administrator has ended this connection."))
        elif session is not None and session_digest(session) in access.sessions:
            self.end(SessionEnded())  # its store may go on knowing it: a signed cookie has no other place to end in
        elif (
            access.everyone
            or user in access.users
            or streams & access.streams
            or (access.streams and self._subscribing)
        ):
            self._reconsider()

    def stall(self) -> None:
        self.say(self.session.stall())

    def notify(self, event: Encoded) -> None:
        self.say(self.session.notify(event))

    def _reconsider(self) -> None:
        self._access_changes += 1
        self.session.hold()
        self.start(self._ask_again)

    def sweep(self, now: float, positions: Mapping[int, str]) -> None:
        if self.session.state is State.NEW and now - self._opened > settings.HELLO_SECONDS:
            self.end(TimedOut(f"No hello came within {settings.HELLO_SECONDS:g} seconds."))
        elif now - self.heard > SILENT_BEATS * self._beat_seconds:
            self.end(TimedOut(f"Nothing was heard for {SILENT_BEATS * self._beat_seconds:g} seconds."))
        elif self._valid_until is not None and now >= self._valid_until:
            self._valid_until = None
            self._reconsider()
        elif self._never_judged and now - self._opened > JUDGE_SECONDS:
            self._never_judged = False
            self.start(self._ask_again)  # nothing is held meanwhile
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

    def _handle_all(self, demands: list[Demand]) -> None:
        for demand in demands:
            self._handle(demand)

    def _handle(self, demand: Demand) -> None:
        match demand:
            case Authenticate(token=token):
                self._new_token = token
                self.start(self._authenticate)
            case Subscription():
                if len(self._subscribing) >= settings.MAX_SUBSCRIPTIONS:  # most of them were left again
                    self._subscribing = deque(filter(self.session.wants, self._subscribing))
                self._subscribing.append(demand)
            case Call():
                self._calls.take(demand)
            case Sent(message=message, subscription=subscription):
                self._speech.take(message, subscription)
            case CatchUp(queries=queries):
                self._hub.catch_up(self, queries)
            case Leave(query=query):
                self._hub.leave(self, query)
                self._speech.attend()

    def _go_on(self) -> None:
        """Take up what waits, if its answers may be sent."""
        if self._subscribing and self.session.has_room:
            self.start(self._subscribe_all)
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

    async def _subscribe_all(self) -> None:
        await self._hub.ready()
        while self._subscribing and self.session.has_room:
            # all that the client asks for at once is checked in one go, and so answered by one frame
            asked = list(self._subscribing)
            changes = self._access_changes
            verdict = await self._judge([subscription.asked for subscription in asked])
            if changes != self._access_changes:  # it may have been judged by what was true before
                continue
            if not verdict.holds:
                self.end(SessionEnded())
                return
            answered = set(asked)
            self._subscribing = deque(item for item in self._subscribing if item not in answered)
            for subscription, answer in zip(asked, verdict.answers, strict=True):
                if isinstance(answer, ClientError):
                    self.refuse(subscription, answer)
                elif self.session.wants(subscription):
                    subscription.subject = answer
                    if not answer.continues(subscription.asked.view):
                        subscription.cursor = None  # what the client has is no base for a delta
                    self._hub.subscribe(self, subscription, answer.stream, answer.format, subscription.cursor)
            self._speech.go_on()

    async def _ask_again(self) -> None:
        changes = -1
        while changes != self._access_changes:
            changes = self._access_changes
            admitted = self._admitted()
            verdict = await self._judge([subject for _, subject in admitted])
        if not verdict.holds:
            self.end(SessionEnded())
            return
        for (subscription, subject), answer in zip(admitted, verdict.answers, strict=True):
            if not self.session.wants(subscription):
                continue
            if isinstance(answer, ClientError):
                self.refuse(subscription, answer)
            elif not answer.shares(subject):
                subscription.subject = answer
                self._handle_all(self.session.move(subscription))
                self._hub.subscribe(self, subscription, answer.stream, answer.format, None)
        self._handle_all(self.session.release())

    def _admitted(self) -> list[tuple[Subscription, Admitted]]:
        mine = self.session.subscriptions.values()
        return [(item, item.subject) for item in mine if isinstance(item.subject, Admitted)]

    async def _judge(self, asked: Sequence[Subscribe | Admitted]) -> Verdict:
        verdict = await self._hub.run_together(admit, logins_of, Request(self.identity, asked))
        self._valid_until = _after(verdict.seconds)
        self._never_judged = False
        return verdict

    async def _authenticate(self) -> None:
        while self._new_token is not None:
            token, self._new_token = self._new_token, None
            known = self.session.state is State.OPEN
            try:
                identity, standing = await self._hub.run(identify, token)
                if not known:
                    self._enter(identity)
                elif identity.user != self.identity.user:
                    raise SessionEnded("The token is not of the user whose connection this is.")
            except ProtocolError as error:
                self.end(error)
                return
            self.identity = identity
            self._access_changes += 1  # what is being judged meanwhile is judged for who it was before
            self._never_judged = False
            self._valid_until = _after(standing.seconds)
            welcome = self.session.welcome(standing.seconds)
            if welcome is None:
                return
            self.say([welcome])
            if known:
                self._reconsider()
            self._go_on()

    def _enter(self, identity: Identity) -> None:
        now = asyncio.get_running_loop().time()
        quota = self._hub.quotas.enter(user=identity.user, address=self._address, now=now)
        self._hub.quotas.leave(self.quota)
        self.quota = quota
        self._speech.enter(identity)
        self._hub.attach(self, identity.user)


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
