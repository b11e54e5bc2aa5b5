"""ClientSession: one client's state. It has no socket, clock or database; the connection drives it.

It decodes and checks the client's messages, and returns effects that the connection executes. It decides what to send,
and holds frames back while the client has no credit. It then stores only a cursor.

Every message after `welcome` uses credit until it is acknowledged. Without credit, a client gets no frames, and its
requests wait (`has_room`). Messages that cannot wait may use as much again; then the connection ends (`overdrawn`).
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
    Part,
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

MAX_FINGERPRINT = 100  # characters, four times as many as servers send
MAX_EVENTS = 32  # kept while access is checked again
MAX_TEXTS = 100  # live texts of one live query for which the client's length is stored
NO_LOG = -1  # the number of a log that has no frames


class State(enum.Enum):
    """The state of a connection."""

    NEW = "new"  # no message received yet
    GREETING = "greeting"  # hello received with a token, which is being checked
    OPEN = "open"  # welcome sent
    CLOSED = "closed"  # bye sent, or the client has disconnected


#: The messages that each state accepts; any other message is an error of the client.
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
class _KeptFrame:
    """A frame that waits until access is checked again, with the state for undoing it."""

    frame: Encoded
    at: float  # when it was offered
    calls: tuple[str, ...]
    cursors: tuple[tuple[Subscription, str | None], ...]  # the previous cursors of its subscriptions


@dataclass(slots=True)
class ClientSession:
    """The state of one client, from `hello` to `bye`.

    `receive` takes a message, and returns answers and effects. `welcome`, `accept`, `refuse`, `offer`, `reply`,
    `heartbeat` and `close` return the messages to send, or None.
    """

    heartbeat_seconds: float
    window: Window
    max_bytes: int
    max_subscriptions: int
    answers: bool = True  # the client acknowledges while it reads; over HTTP, its next request acknowledges
    state: State = State.NEW
    version: int = VERSIONS[0]  # the client's version of the protocol
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    behind: bool = False  # a frame has been held back, and the client knows
    held: bool = False  # access is being checked again: no frame is sent until the result is known
    checked_at: float = 0.0  # when the last successful check of access began
    _kept: dict[int, _KeptFrame] = field(default_factory=dict)  # by log: the first frame that was offered while held
    _events: list[tuple[Encoded, float]] = field(default_factory=list)  # events while held, and their times
    _text_ends: list[tuple[int, Encoded, float]] = field(default_factory=list)  # while held: query, message, time
    _part: tuple[Subscription, Encoded, float] | None = None  # while held: rows, and when they were offered
    _owed: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by log: the calls of frames held back
    _steady: int | None = None  # the log of all subscriptions, while each is live and frames are sent unchanged
    _credit: Credit = field(init=False)
    _pace: EventPace = field(init=False)
    _heartbeat: int = 0  # the message number of the last heartbeat
    _texts: dict[int, dict[int, int]] = field(default_factory=dict)  # by live query: the client's length of each text
    _missed_texts: dict[int, tuple[TextUpdate, float]] = field(default_factory=dict)  # by number, not sent in time
    _is_continued: bool = False  # another page has continued with the connection

    def __post_init__(self) -> None:
        self._credit = Credit(self.window)
        self._pace = EventPace(self.window.bytes)

    def receive(self, data: str | bytes) -> tuple[list[Encoded], list[Effect]]:
        """Handle the client's message; return answers and effects. Raise `ProtocolError`."""
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
                if self._part is not None and self._part[0] is subscription:
                    self._part = None
                return [], self.leave(subscription.query) if subscription and subscription.query else []
            case Call(token=token, stream=stream, params=params):
                if (token is None) == (not stream) or (token is not None and params):
                    raise BadMessage("A call needs either 'token', or 'stream' with 'params'.")
                return [], [message]
            case Send() | Present():
                return self._publish(message)
            case Ack():
                effects = self._acknowledge(message.messages)
                return self.send_missed_texts() if self.has_credit else [], effects

    def welcome(self, expires: float | None) -> Encoded | None:
        """Answer `hello` or `authenticate` with a valid token, which expires after so many seconds."""
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
            if not self.has_room:  # the client does not read the refusals
                raise error
            refused = Refused(id=message.id, code=error.code, reason=error.reason)
            return [self._count(codec.encode(refused))], []
        if len(message.fingerprint) > MAX_FINGERPRINT:  # not a server's; it is stored with the subscription
            message = msgspec.structs.replace(message, fingerprint=message.fingerprint[:MAX_FINGERPRINT])
        subscription = Subscription(request=message, cursor=message.cursor)
        self.subscriptions[message.id] = subscription
        return [], [subscription]

    def _publish(self, message: Send | Present) -> tuple[list[Encoded], list[Effect]]:
        subscription = self.subscriptions.get(message.id)
        if subscription is None:  # it may have ended before the message arrived
            return self.reject_missing(message), []
        return [], [Publish(message, subscription)]

    def wants(self, subscription: Subscription) -> bool:
        """Return whether the client still has the subscription."""
        return self.subscriptions.get(subscription.id) is subscription

    def leave(self, query: int) -> list[Effect]:
        """Return the effect of the end of a subscription: none if another one has the same live query."""
        if self._sees(query):
            return []
        self._texts.pop(query, None)
        return [Leave(query)]

    def accept(self, subscription: Subscription, *, query: int, log: int, fingerprint: str = "") -> Encoded | None:
        """Connect the subscription to this live query. Its first frame must be offered next.

        Return None if the client has left it meanwhile.
        """
        if not self.wants(subscription):
            return None
        self._steady = None
        self._take_back(log)  # the kept frame does not have this subscription's first rows
        subscription.query = query
        subscription.log = log
        self._texts.pop(query, None)
        if subscription.request.fingerprint not in ("", fingerprint):
            subscription.cursor = None  # the client discards its rows
        # the client decides how long these texts are, and they are no longer needed
        subscription.request = msgspec.structs.replace(subscription.request, token=None, cursor=None)
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

    @property
    def takes_part(self) -> bool:
        """Whether a part of the rows of a subscription may be sent, or kept until access is checked."""
        return self.has_room and not (self.held and self._part)

    def part(self, subscription: Subscription, puts: bytes, *, is_first: bool, now: float = 0.0) -> list[Encoded]:
        """Return a part of the rows of a subscription that is not accepted yet; keep it while access is checked."""
        part = codec.encode(Part(id=subscription.id, puts=msgspec.Raw(puts), first=is_first))
        if self.held:
            self._part = subscription, part, now
            return []
        return [self._count_part(part)]

    def _count_part(self, part: Encoded) -> Encoded:
        # without acknowledgements, the credit of a request would be used up before the last part
        return self._count(part, is_frame=True) if self.answers else part

    def try_send(self, frame: Encoded, log: int) -> bool:
        """Count a frame and return True if it can be sent unchanged, the usual case.

        If it cannot, call `offer`.
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
        """Handle a frame for the subscriptions of one log; return the messages to send.

        While access is checked again, the first frame of each log is kept as if it were sent (at the time `now`), and
        the subscriptions stay at its cursor.

        `caught_up` are the live queries that the frame brings up to date from any cursor; the others must have been
        live at the cursor `before`. Without credit, all subscriptions keep their cursors. `calls` are the client's
        calls whose effects the frame has; the next frame that is sent names them.
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
            cursors = tuple((item, before if item.live else item.cursor) for item in own)
            self._kept[log] = _KeptFrame(frame, now, calls, cursors)
            for item in own:
                item.live = True
            return []
        if catching_up:
            for item in self.subscriptions.values():
                item.live = item.live or item.log == log
        self.behind = mine < len(self.subscriptions) and bool(self.catch_up())
        if mine == len(self.subscriptions):
            self._steady = log
        if calls:
            frame = codec.with_calls(frame, calls)
        self._credit.use(frame.size, is_frame=True)
        return [frame]

    def stall(self) -> list[Encoded]:
        """Tell the client that it may be behind until the next frame, because the server cannot read the log."""
        return self._fall_behind() if self.subscriptions and self.state is State.OPEN else []

    def _fall_behind(self) -> list[Encoded]:
        self._steady = None
        if self.behind or self.held:
            return []
        self.behind = True
        return [self._count(codec.encode(Behind()))]

    def catch_up(self) -> list[Effect]:
        """Return the effect that brings subscriptions that are behind up to date, if there are any."""
        queries: dict[int, str | None] = {}
        for item in self.subscriptions.values():
            if item.query is None or item.live or item.log in self._kept:  # a kept frame may still be undone
                continue
            # two subscriptions at different cursors: both get all rows
            differs = queries.get(item.query, item.cursor) != item.cursor
            queries[item.query] = None if differs else item.cursor
        return [CatchUp(queries)] if queries else []

    @property
    def owed_calls(self) -> int:
        """The number of calls that the next frame will name."""
        return sum(map(len, self._owed.values()))

    @property
    def has_credit(self) -> bool:
        """Whether a frame may be sent."""
        return not self.held and self._credit.has_room

    @property
    def has_room(self) -> bool:
        """Whether a request may be handled: its answer uses credit too."""
        return self.state is State.OPEN and self._credit.has_room

    @property
    def overdrawn(self) -> bool:
        """Whether too much was sent without credit, so that the connection must end."""
        return self._credit.overdrawn

    def _count(self, message: Encoded, *, is_frame: bool = False) -> Encoded:
        self._credit.use(message.size, is_frame=is_frame)
        return message

    @property
    def unacknowledged(self) -> int:
        """The bytes of messages that the client has not acknowledged."""
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
        """Send no frames until `release`. The first frame of each log is kept, and later ones are left out."""
        self._steady = None
        self.held = True

    def release(self, begun: float | None = None) -> tuple[list[Encoded], list[Effect]]:
        """Handle a successful check of access: return the kept frames, and the effect that catches up.

        With `begun`, the time when the check began, access has changed meanwhile and will be checked again. Only the
        frames that were kept before `begun` are returned then. So frames are sent even if access changes often.
        """
        self.held = begun is not None
        self.checked_at = self.checked_at if begun is None else begun
        frames = self.send_missed_texts(begun)  # the kept frames refer to them
        for log, kept in list(self._kept.items()):
            if begun is None or (kept.at < begun and not self._missed_texts):
                del self._kept[log]
                frame = codec.with_calls(kept.frame, kept.calls) if kept.calls else kept.frame
                frames.append(self._count(frame, is_frame=True))
        if self._part is not None and (begun is None or self._part[2] < begun):
            frames.append(self._count_part(self._part[1]))
            self._part = None
        events, self._events = self._events, []
        for event, at in events:
            if begun is None or at < begun:
                frames += self._notify(event, at)
            else:
                self._events.append((event, at))
        ends, self._text_ends = self._text_ends, []
        for query, ended, at in ends:
            if begun is not None and at >= begun:
                self._text_ends.append((query, ended, at))
            elif self._sees(query):
                frames.append(self._count(ended))
        effects = self.catch_up() if self._credit.has_room else []
        self.behind = self.behind and bool(self.catch_up())
        return frames, effects

    def _discard_kept(self, subscription: Subscription) -> None:
        """Undo a kept frame, because it may have rows of this subscription that the client must not see."""
        self._events.clear()
        if self._part is not None and self._part[0] is subscription:
            self._part = None
        if subscription.log is not None:
            self._take_back(subscription.log)

    def _take_back(self, log: int) -> None:
        """Undo the kept frame of a log: its subscriptions get their previous cursors back."""
        if (kept := self._kept.pop(log, None)) is None:
            return
        for item, cursor in kept.cursors:
            item.live = False
            item.cursor = cursor
        if kept.calls:
            self._owed[log] = (*kept.calls, *self._owed.get(log, ()))

    def move(self, subscription: Subscription) -> list[Effect]:
        """Detach the subscription from its live query; another one must accept it, because the user's rows differ."""
        self._steady = None
        self._discard_kept(subscription)
        query = subscription.query
        subscription.query = subscription.log = subscription.cursor = None
        subscription.live = False
        return [] if query is None else self.leave(query)

    def detach(self, subscription: Subscription) -> list[Encoded]:
        """Tell the client that this subscription has no frames until it is accepted again."""
        if subscription.query is None:
            return []
        return [self._count(codec.encode(Subscribed(id=subscription.id, query=subscription.query, log=NO_LOG)))]

    def acknowledge_all(self) -> list[Effect]:
        """Note that the client has read everything."""
        return self._acknowledge(self._credit.sent)

    def _acknowledge(self, messages: int) -> list[Effect]:
        self._credit.acknowledge(messages)
        return self.catch_up() if self.has_credit else []

    def notify(self, event: Encoded, now: float = 0.0) -> list[Encoded]:
        """Return the messages for an event: none if the client loses it, or while access is checked again.

        A client loses events without credit, and events that would arrive late because it reads slowly.
        """
        if self.held and len(self._events) < MAX_EVENTS:
            self._events.append((event, now))
        return self._notify(event, now) if self.has_credit else []

    def send_text(self, part: TextUpdate, now: float = 0.0) -> list[Encoded]:
        """Return the messages for a part of a live text. Without credit, the client gets it when it has acknowledged.

        Clients of version 1 get the text as it is saved.
        """
        if self.version < 2 or self.state is not State.OPEN or not self._sees(part.query):
            return []
        if not self.has_credit:
            if len(self._missed_texts) < MAX_TEXTS or part.number in self._missed_texts:
                self._missed_texts[part.number] = part, now
            return []
        self._missed_texts.pop(part.number, None)
        return self._send_text(part)

    def send_missed_texts(self, begun: float | None = None) -> list[Encoded]:
        """Return the messages for the texts that were not sent in time; with `begun`, only for those before it."""
        messages: list[Encoded] = []
        for number, (part, at) in list(self._missed_texts.items()):
            if not self._credit.has_room:
                break
            if begun is None or at < begun:
                del self._missed_texts[number]
                messages += self._send_text(part)
        return messages

    def _send_text(self, part: TextUpdate) -> list[Encoded]:
        if not self._sees(part.query):
            return []
        texts = self._texts.setdefault(part.query, {})
        if len(texts) > MAX_TEXTS:  # most of them have ended
            texts.clear()
        known = texts.get(part.number)
        message = part.again() if known is None and self._is_continued else part.after(known)
        if message is None:
            return []
        texts[part.number] = part.end
        return [self._count(message)]

    def forget_texts(self) -> None:
        """Name the live texts again: another page may continue with the connection, and has what was sent."""
        self._texts.clear()
        self._is_continued = True

    def _sees(self, query: int) -> bool:
        return any(item.query == query for item in self.subscriptions.values())

    def end_text(self, query: int, ended: Encoded, now: float = 0.0) -> list[Encoded]:
        """Return the message that a live text has ended, so that the client drops text beyond its length.

        While access is checked again, it is kept.
        """
        if self.version < 2 or self.state is not State.OPEN or not self._sees(query):
            return []
        if self.held:
            self._text_ends.append((query, ended, now))
            return []
        return [self._count(ended)]

    def may_send(self, at: float) -> bool:
        """Return whether an event that the client sent at this time may be passed on: access was checked since."""
        return self.state is State.OPEN and (not self.held or at < self.checked_at)

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
        """Tell the client that its event or presence data was rejected."""
        name = message.name if isinstance(message, Send) else ""
        rejected = codec.encode(EventRejected(id=message.id, name=name, code=code, reason=reason))
        return [self._count(rejected)] if self.state is State.OPEN and self._credit.has_room else []

    def reject_missing(self, message: Send | Present) -> list[Encoded]:
        """Tell the client that the subscription of its event or presence data does not exist."""
        return self.reject_event(message, code=Code.FORBIDDEN, reason="The subscription does not exist.")

    def reply(self, reply: Reply) -> Encoded | None:
        return None if self.state is State.CLOSED else self._count(codec.encode(reply))

    def heartbeat(self, positions: Mapping[int, str]) -> Encoded | None:
        """Return a heartbeat with the position of each fully live log; None until the last one is acknowledged."""
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
        """Handle the end of the client: nothing more is received or sent."""
        self.state = State.CLOSED
        self._steady = None
        self.subscriptions.clear()
        self._kept.clear()
        self._part = None
        self._events.clear()
        self._texts.clear()
        self._missed_texts.clear()
        self._text_ends.clear()
