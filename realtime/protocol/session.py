"""ClientSession: one client's state. It has no socket, clock or database; the connection drives it.

What comes in is decoded and judged here; what the connection has to do about it comes back as an effect. What goes
out is offered here, and held back while the client has no credit: nothing is stored for it but a cursor.

Whatever is sent after `welcome` uses up credit until it is acknowledged. Without credit a client gets no frames, and
its requests wait (`has_room`); what cannot wait may use up as much again, then the connection ends (`overdrawn`).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from realtime.exceptions import BadMessage, Code, Overloaded, ProtocolError, UnexpectedMessage, UnsupportedVersion
from realtime.protocol import codec
from realtime.protocol.codec import Encoded
from realtime.protocol.effects import CatchUp, Effect, Leave, Publish, Subscription
from realtime.protocol.flow_control import Credit, EventPace
from realtime.protocol.live_text import TextUpdate
from realtime.protocol.messages import (
    VERSIONS,
    Ack,
    Authenticate,
    Authenticated,
    Behind,
    Call,
    ClientMessage,
    EventRejected,
    Heartbeat,
    Hello,
    Present,
    Refused,
    Reply,
    Send,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Welcome,
    Window,
)

MAX_EVENTS = 32  # that are kept while access is asked again
MAX_TEXTS = 100  # of one live query, of which it is known how much the client has
NO_LOG = -1  # in place of a log's number: it has no frames


class State(enum.Enum):
    """Where a connection stands."""

    NEW = "new"  # nothing heard yet
    GREETING = "greeting"  # hello was heard, with a token, and who that is is being found out
    OPEN = "open"  # welcome was said
    CLOSED = "closed"  # bye was said, by either side


#: Which messages a state knows; any other is an error of the client.
TRANSITIONS: dict[tuple[State, type], State] = {
    (State.NEW, Hello): State.OPEN,  # or GREETING
    (State.GREETING, Subscribe): State.GREETING,
    (State.GREETING, Unsubscribe): State.GREETING,
    (State.GREETING, Call): State.GREETING,
    (State.GREETING, Send): State.GREETING,
    (State.GREETING, Present): State.GREETING,
    (State.OPEN, Authenticate): State.OPEN,
    (State.OPEN, Subscribe): State.OPEN,
    (State.OPEN, Unsubscribe): State.OPEN,
    (State.OPEN, Call): State.OPEN,
    (State.OPEN, Send): State.OPEN,
    (State.OPEN, Present): State.OPEN,
    (State.OPEN, Ack): State.OPEN,
}


@dataclass(slots=True, frozen=True)
class _Kept:
    """A frame that waits for access to be asked again, and what it takes to have it never taken."""

    frame: Encoded
    at: float  # when it was taken
    calls: tuple[str, ...]
    stood: tuple[tuple[Subscription, str | None], ...]  # where its subscriptions stood before


@dataclass(slots=True)
class ClientSession:
    """The state of one client, from `hello` to `bye`.

    `receive` takes a message and returns the answers and the effects it has. `welcome`, `accept`, `refuse`,
    `offer`, `reply`, `heartbeat` and `close` return what is to be sent, or None where nothing is.
    """

    heartbeat_seconds: float
    window: Window
    max_bytes: int
    max_subscriptions: int
    answers: bool = True  # the client acknowledges as it reads; over HTTP, it does with its next request
    state: State = State.NEW
    version: int = VERSIONS[0]  # of the protocol, as the client speaks it
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    behind: bool = False  # a frame has been held back, and the client told so
    held: bool = False  # access is being asked again: no frame goes out until it is known
    asked: float = 0.0  # when asking began that found the access of last, or of now, to hold
    _kept: dict[int, _Kept] = field(default_factory=dict)  # by log: the first frame that came while held
    _events: list[tuple[Encoded, float]] = field(default_factory=list)  # that came while held, and when
    _owed: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by log: calls that a frame held back names
    _steady: int | None = None  # the log of all subscriptions, while each is live and nothing else is to be told
    _credit: Credit = field(init=False)
    _pace: EventPace = field(init=False)
    _heartbeat: int = 0  # the last heartbeat's number among the messages
    _texts: dict[int, dict[int, int]] = field(default_factory=dict)  # by live query: how much of each live text it has

    def __post_init__(self) -> None:
        self._credit = Credit(self.window)
        self._pace = EventPace(self.window.bytes)

    def receive(self, data: str | bytes) -> tuple[list[Encoded], list[Effect]]:
        """Take what the client sent; return what to answer and what to do. Raise `ProtocolError`."""
        if self.state is State.CLOSED:
            return [], []
        if isinstance(data, bytes):
            raise BadMessage("Messages must be text frames; this one is binary.")

        message = codec.decode(data, max_bytes=self.max_bytes)
        following = TRANSITIONS.get((self.state, type(message)))
        if following is None:
            name = type(message).__name__.lower()
            raise UnexpectedMessage(f"A connection that is {self.state.value} does not accept '{name}'.")
        if type(message) is not Ack:
            self._steady = None
        answer, effects = self._handle(message)
        self.state = State.GREETING if isinstance(message, Hello) and message.token is not None else following
        return answer, effects

    def _handle(self, message: ClientMessage) -> tuple[list[Encoded], list[Effect]]:
        match message:
            case Hello(version=version):
                if version not in VERSIONS:
                    supported = " and ".join(map(str, VERSIONS))
                    raise UnsupportedVersion(f"This server supports protocol versions {supported}, not {version}.")
                self.version = version
                if message.token is not None:
                    return [], [Authenticate(message.token)]
                return [self._welcome(None)], []
            case Authenticate():
                return [], [message]
            case Subscribe():
                return self._add(message)
            case Unsubscribe():
                subscription = self.subscriptions.pop(message.id, None)
                return [], self.leave(subscription.query) if subscription and subscription.query else []
            case Call(token=token, stream=stream, params=params):
                if (token is None) == (not stream) or (token is not None and params):
                    raise BadMessage("A call needs either 'token', or 'stream' with 'params'.")
                return [], [message]
            case Send() | Present():
                return self._publish(message)
            case Ack():
                return [], self._acknowledge(message.messages)

    def welcome(self, expires: float | None) -> Encoded | None:
        """The client's token is good, for so many seconds: the answer to `hello`, or to `authenticate`."""
        if self.state is State.CLOSED:
            return None
        if self.state is State.OPEN:
            return self._count(codec.encode(Authenticated(msgspec.UNSET if expires is None else expires)))
        self.state = State.OPEN
        return self._welcome(expires)

    def _welcome(self, expires: float | None) -> Encoded:
        ends = msgspec.UNSET if expires is None else expires
        return codec.encode(
            Welcome(version=self.version, heartbeat=self.heartbeat_seconds, window=self.window, expires=ends)
        )

    def _add(self, message: Subscribe) -> tuple[list[Encoded], list[Effect]]:
        if message.id in self.subscriptions:
            raise UnexpectedMessage(f"The subscription id {message.id} is in use.")
        if (message.token is None) == (message.stream is None):
            raise BadMessage("A subscription needs either 'token' or 'stream'.")
        if len(self.subscriptions) >= self.max_subscriptions:
            error = Overloaded(f"A connection may have up to {self.max_subscriptions} subscriptions.")
            if not self.has_room:  # nobody reads the refusals
                raise error
            refused = Refused(id=message.id, code=error.code, reason=error.reason)
            return [self._count(codec.encode(refused))], []
        subscription = Subscription(asked=message, cursor=message.cursor)
        self.subscriptions[message.id] = subscription
        return [], [subscription]

    def _publish(self, message: Send | Present) -> tuple[list[Encoded], list[Effect]]:
        subscription = self.subscriptions.get(message.id)
        if subscription is None:  # it may have ended while the message was on its way
            return self.missing(message), []
        return [], [Publish(message, subscription)]

    def wants(self, subscription: Subscription) -> bool:
        """Whether the client has not left the subscription."""
        return self.subscriptions.get(subscription.id) is subscription

    def leave(self, query: int) -> list[Effect]:
        """The effect that follows where a subscription of this live query is gone: none where another one is left."""
        if self._sees(query):
            return []
        self._texts.pop(query, None)
        return [Leave(query)]

    def accept(self, subscription: Subscription, *, query: int, log: int, fingerprint: str = "") -> Encoded | None:
        """The subscription belongs to this live query; its first frame is to be offered next.

        None where the client has left it meanwhile.
        """
        if not self.wants(subscription):
            return None
        self._steady = None
        self._take_back(log)  # it does not bring what this subscription is told that the next frame brings
        subscription.query = query
        subscription.log = log
        self._texts.pop(query, None)
        if subscription.asked.fingerprint not in ("", fingerprint):
            subscription.cursor = None  # the client drops the rows that it has
        # as long as the client likes to make them, and not needed any more
        subscription.asked = msgspec.structs.replace(subscription.asked, token=None, cursor=None)
        return self._count(codec.encode(Subscribed(id=subscription.id, query=query, log=log, fingerprint=fingerprint)))

    def refuse(
        self,
        subscription: Subscription,
        *,
        code: int,
        reason: str,
        retry: float | None = None,
        details: dict[str, list[str]] | None = None,
    ) -> Encoded | None:
        if not self.wants(subscription):
            return None
        self._steady = None
        self._discard_kept(subscription)
        del self.subscriptions[subscription.id]
        wait = msgspec.UNSET if retry is None else retry
        refused = Refused(subscription.id, code, reason, wait, details or msgspec.UNSET)
        return self._count(codec.encode(refused))

    def passes(self, frame: Encoded, log: int) -> bool:
        """Whether a frame of which nothing else is to be told goes out as it is, which is most often so.

        Where not, it is to be offered.
        """
        if self._steady != log or not self._credit.has_room:
            return False
        self._credit.use(frame.size, is_frame=True)
        return True

    def offer(
        self,
        frame: Encoded,
        *,
        log: int,
        before: str,
        caught_up: Collection[int],
        calls: tuple[str, ...] = (),
        now: float = 0.0,
    ) -> list[Encoded]:
        """Take a frame for the subscriptions of one log; return what to send.

        While access is asked again, the first frame of each log is kept as if it were sent (at the time `now`), and
        the following ones leave the subscriptions where the kept one has taken them.

        `caught_up` are the live queries that the frame takes to the present from wherever they stood; the others were
        live at the cursor `before`. Without credit all are left where they stand. `calls` are the client's calls whose
        effects the frame brings; the next frame that is sent names them.
        """
        if self.state is State.CLOSED:
            return []
        self._steady = None
        if self._owed:
            calls = (*self._owed.pop(log, ()), *calls)
        mine, catching_up, late = 0, False, False
        for item in self.subscriptions.values():
            if item.log == log:
                mine += 1
                if not item.live:
                    catching_up = True
                    late = late or item.query not in caught_up
        if late or log in self._kept or (mine and not self._credit.has_room):
            if calls:
                self._owed[log] = calls
            for item in self.subscriptions.values():
                if item.log == log and item.live:
                    item.live = False
                    item.cursor = before
            return self._fall_behind()

        if mine and self.held:
            own = [item for item in self.subscriptions.values() if item.log == log]
            stood = tuple((item, before if item.live else item.cursor) for item in own)
            self._kept[log] = _Kept(frame, now, calls, stood)
            for item in own:
                item.live = True
            return []
        if catching_up:
            for item in self.subscriptions.values():
                item.live = item.live or item.log == log
        self.behind = mine < len(self.subscriptions) and bool(self.lagging())
        if mine == len(self.subscriptions):
            self._steady = log
        if calls:
            frame = codec.with_calls(frame, calls)
        self._credit.use(frame.size, is_frame=True)
        return [frame]

    def stall(self) -> list[Encoded]:
        """The server cannot tell what is new: the client hears that it may be behind, until the next frame."""
        return self._fall_behind() if self.subscriptions and self.state is State.OPEN else []

    def _fall_behind(self) -> list[Encoded]:
        self._steady = None
        if self.behind or self.held:
            return []
        self.behind = True
        return [self._count(codec.encode(Behind()))]

    def lagging(self) -> list[Effect]:
        """The effect to bring up to date what was left behind, if anything was."""
        queries: dict[int, str | None] = {}
        for item in self.subscriptions.values():
            if item.query is None or item.live or item.log in self._kept:  # a kept frame may yet be taken back
                continue
            # two subscriptions at different places: all rows serve both
            differs = queries.get(item.query, item.cursor) != item.cursor
            queries[item.query] = None if differs else item.cursor
        return [CatchUp(queries)] if queries else []

    @property
    def owing(self) -> int:
        """How many calls are to be named by the next frame that is sent."""
        return sum(map(len, self._owed.values()))

    @property
    def has_credit(self) -> bool:
        """Whether a frame may be sent."""
        return not self.held and self._credit.has_room

    @property
    def has_room(self) -> bool:
        """Whether a request may be answered: its answer uses up credit too."""
        return self.state is State.OPEN and self._credit.has_room

    @property
    def overdrawn(self) -> bool:
        """Whether so much was sent without credit that the client is not to have any more."""
        return self._credit.overdrawn

    def _count(self, message: Encoded, *, is_frame: bool = False) -> Encoded:
        self._credit.use(message.size, is_frame=is_frame)
        return message

    @property
    def unacknowledged(self) -> int:
        """Bytes of messages that the client has not acknowledged."""
        return self._credit.bytes

    @property
    def spent(self) -> bool:
        """Whether nothing more can be sent before the client acknowledges."""
        return not self.held and not self.has_credit

    @property
    def settled(self) -> bool:
        """Whether every subscription is live."""
        return not self._kept and all(item.live for item in self.subscriptions.values())

    def hold(self) -> None:
        """Send no frame until `release`; the first of each log is kept, later ones leave the subscriptions behind."""
        self._steady = None
        self.held = True

    def release(self, begun: float | None = None) -> tuple[list[Encoded], list[Effect]]:
        """Access has been asked and holds: return the frames that were kept, and the effect for what is missing.

        Without `begun`, nothing has changed since it was asked. Otherwise something has, and it is to be asked again:
        only the frames that were kept before `begun`, when asking began, go out. So every frame goes out that an
        answer is good for, however often access changes.
        """
        self.held = begun is not None
        self.asked = self.asked if begun is None else begun
        frames: list[Encoded] = []
        for log, kept in list(self._kept.items()):
            if begun is None or kept.at < begun:
                del self._kept[log]
                frame = codec.with_calls(kept.frame, kept.calls) if kept.calls else kept.frame
                frames.append(self._count(frame, is_frame=True))
        events, self._events = self._events, []
        for event, at in events:
            if begun is None or at < begun:
                frames += self._notify(event, at)
            else:
                self._events.append((event, at))
        effects = self.lagging() if self._credit.has_room else []
        self.behind = self.behind and bool(self.lagging())
        return frames, effects

    def _discard_kept(self, subscription: Subscription) -> None:
        """A kept frame may show rows of this subscription that the client is not to see: take none of it."""
        self._events.clear()
        if subscription.log is not None:
            self._take_back(subscription.log)

    def _take_back(self, log: int) -> None:
        """Leave the subscriptions of a log where they stood before its kept frame."""
        if (kept := self._kept.pop(log, None)) is None:
            return
        for item, cursor in kept.stood:
            item.live = False
            item.cursor = cursor
        if kept.calls:
            self._owed[log] = (*kept.calls, *self._owed.get(log, ()))

    def move(self, subscription: Subscription) -> list[Effect]:
        """The client sees other rows than before: the subscription is to be accepted by another live query."""
        self._steady = None
        self._discard_kept(subscription)
        query = subscription.query
        subscription.query = subscription.log = subscription.cursor = None
        subscription.live = False
        return [] if query is None else self.leave(query)

    def detach(self, subscription: Subscription) -> list[Encoded]:
        """Tell the client that no frame moves the cursor of this subscription until it is accepted again."""
        if subscription.query is None:
            return []
        return [self._count(codec.encode(Subscribed(id=subscription.id, query=subscription.query, log=NO_LOG)))]

    def acknowledge_all(self) -> list[Effect]:
        """The client has read all that it was sent; its next request may be that of another page."""
        self._texts.clear()
        return self._acknowledge(self._credit.sent)

    def _acknowledge(self, messages: int) -> list[Effect]:
        self._credit.acknowledge(messages)
        return self.lagging() if self.has_credit else []

    def notify(self, event: Encoded, now: float = 0.0) -> list[Encoded]:
        """Take an event; nothing is returned where the client loses it, or while its access is asked again.

        It loses what it has no credit for, and what would reach it late, since it is slow to read what came before.
        """
        if self.held and len(self._events) < MAX_EVENTS:
            self._events.append((event, now))
        return self._notify(event, now) if self.has_credit else []

    def send_text(self, part: TextUpdate, now: float) -> list[Encoded]:
        """Take a part of a live text. What the client has no credit for comes with the next part.

        Clients of version 1, and those that do not get it, have what is saved.
        """
        if self.version < 2 or not self.has_credit or not self._sees(part.query):
            return []
        texts = self._texts.setdefault(part.query, {})
        if len(texts) > MAX_TEXTS:  # most of them have ended
            texts.clear()
        message = part.after(texts.get(part.number))
        messages = [] if message is None else self._notify(message, now)
        if messages:
            texts[part.number] = part.end
        return messages

    def _sees(self, query: int) -> bool:
        return any(item.query == query for item in self.subscriptions.values())

    def end_text(self, query: int, ended: Encoded) -> list[Encoded]:
        """A live text has ended: what the client shows beyond its length is not there."""
        if self.version < 2 or self.state is not State.OPEN or not self._sees(query):
            return []
        return [self._count(ended)]

    def may_send(self, at: float) -> bool:
        """Whether what the client said at this time may be passed on: its access has been asked since, and holds."""
        return self.state is State.OPEN and (not self.held or at < self.asked)

    def _notify(self, event: Encoded, now: float) -> list[Encoded]:
        if self.state is not State.OPEN or not self._credit.has_room:
            return []
        if not self.answers:
            return [self._count(event)]
        owing = self._heartbeat > self._credit.acknowledged
        if not self._pace.take(event.size, now, owing=owing):
            return []
        messages = [self._count(event)]
        if not owing and self._pace.asks(now):
            messages.append(self._ask(codec.encode(Heartbeat(cursors={}))))
        return messages

    def _ask(self, heartbeat: Encoded) -> Encoded:
        self._count(heartbeat)
        self._heartbeat = self._credit.sent
        return heartbeat

    def reject_event(self, message: Send | Present, *, code: int, reason: str) -> list[Encoded]:
        """Tell the client that something it wanted to say to others was refused."""
        name = message.name if isinstance(message, Send) else ""
        rejected = codec.encode(EventRejected(id=message.id, name=name, code=code, reason=reason))
        return [self._count(rejected)] if self.state is State.OPEN and self._credit.has_room else []

    def missing(self, message: Send | Present) -> list[Encoded]:
        """Tell the client that it has not the subscription through which it wanted to say something."""
        return self.reject_event(message, code=Code.FORBIDDEN, reason="The subscription does not exist.")

    def reply(self, reply: Reply) -> Encoded | None:
        return None if self.state is State.CLOSED else self._count(codec.encode(reply))

    def heartbeat(self, positions: Mapping[int, str]) -> Encoded | None:
        """Proof of life, with the position of each log in which all subscriptions are live; one at a time."""
        if self.state is not State.OPEN or self._heartbeat > self._credit.acknowledged:
            return None
        mine = self.subscriptions.values()
        logs = {item.log for item in mine} - {item.log for item in mine if not item.live} - self._kept.keys()
        cursors = {str(log): cursor for log, cursor in positions.items() if log in logs}
        return self._ask(codec.encode(Heartbeat(cursors=cursors)))

    def close(self, error: ProtocolError) -> Encoded | None:
        if self.state is State.CLOSED:
            return None
        self.abandon()
        return codec.encode_bye(error)

    def abandon(self) -> None:
        """The client is gone: nothing more is taken from it, or sent."""
        self.state = State.CLOSED
        self._steady = None
        self.subscriptions.clear()
        self._kept.clear()
        self._events.clear()
        self._texts.clear()
