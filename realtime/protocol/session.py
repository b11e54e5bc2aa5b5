"""ClientSession: one client's state. It has no socket, clock or database; the connection drives it.

What comes in is decoded and judged here; what the connection has to do about it comes back as a demand. What goes
out is offered here, and held back while the client has no credit: nothing is stored for it but a cursor.

Whatever is sent after `welcome` uses up credit until it is acknowledged. Without credit a client gets no frames, and
its requests wait (`has_room`); what cannot wait may use up as much again, then the connection ends (`overdrawn`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from realtime.exceptions import BadMessage, Code, Overloaded, ProtocolError, UnexpectedMessage, UnsupportedVersion
from realtime.protocol import codec
from realtime.protocol.codec import Encoded
from realtime.protocol.credit import Credit
from realtime.protocol.demands import CatchUp, Demand, Leave, Sent, Subscription
from realtime.protocol.messages import (
    VERSION,
    Ack,
    Authenticate,
    Authenticated,
    Beat,
    Behind,
    Call,
    ClientMessage,
    Hello,
    Present,
    Refused,
    Reply,
    Send,
    Subscribe,
    Subscribed,
    Unsent,
    Unsubscribe,
    Welcome,
    Window,
)
from realtime.protocol.states import TRANSITIONS, State


@dataclass(slots=True)
class ClientSession:
    """The state of one client, from `hello` to `bye`.

    `receive` takes a message and returns what to answer and the demands that it makes. `welcome`, `accept`, `refuse`,
    `offer`, `reply`, `beat` and `close` return what is to be sent, or None where nothing is.
    """

    beat_seconds: float
    window: Window
    max_bytes: int
    max_subscriptions: int
    state: State = State.NEW
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    behind: bool = False  # a frame has been held back, and the client told so
    held: bool = False  # access is being asked again: nothing goes out until it is known
    _owed: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by log: calls that a frame held back names
    _steady: int | None = None  # the log of all subscriptions, while each is live and nothing else is to be told
    _credit: Credit = field(init=False)
    _beat: int = 0  # the last beat's number among the messages

    def __post_init__(self) -> None:
        self._credit = Credit(self.window)

    def receive(self, data: str | bytes) -> tuple[list[Encoded], list[Demand]]:
        """Take what the client sent; return what to answer and what to do. Raise `ProtocolError`."""
        if self.state is State.CLOSED:
            return [], []
        if isinstance(data, bytes):
            raise BadMessage("Messages are text frames; this one is binary.")

        message = codec.decode(data, max_bytes=self.max_bytes)
        following = TRANSITIONS.get((self.state, type(message)))
        if following is None:
            name = type(message).__name__.lower()
            raise UnexpectedMessage(f"A connection that is {self.state.value} does not take '{name}'.")
        if type(message) is not Ack:
            self._steady = None
        answer, demands = self._handle(message)
        self.state = State.GREETING if isinstance(message, Hello) and message.token is not None else following
        return answer, demands

    def _handle(self, message: ClientMessage) -> tuple[list[Encoded], list[Demand]]:
        match message:
            case Hello(version=version):
                if version != VERSION:
                    raise UnsupportedVersion(f"This server speaks version {VERSION}, not {version}.")
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
            case Call():
                return [], [message]
            case Send() | Present():
                return self._take(message)
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
        return codec.encode(Welcome(version=VERSION, beat=self.beat_seconds, window=self.window, expires=ends))

    def _add(self, message: Subscribe) -> tuple[list[Encoded], list[Demand]]:
        if message.id in self.subscriptions:
            raise UnexpectedMessage(f"The subscription id {message.id} is in use.")
        if (message.token is None) == (message.stream is None):
            raise BadMessage("A subscription names either 'token' or 'stream'.")
        if len(self.subscriptions) >= self.max_subscriptions:
            error = Overloaded(f"A connection may have {self.max_subscriptions} subscriptions.")
            if not self.has_room:  # nobody reads the refusals
                raise error
            refused = Refused(id=message.id, code=error.code, reason=error.reason)
            return [self._count(codec.encode(refused))], []
        subscription = Subscription(asked=message, cursor=message.cursor)
        self.subscriptions[message.id] = subscription
        return [], [subscription]

    def _take(self, message: Send | Present) -> tuple[list[Encoded], list[Demand]]:
        subscription = self.subscriptions.get(message.id)
        if subscription is None:  # it may have ended while the message was on its way
            return self.missing(message), []
        return [], [Sent(message, subscription)]

    def wants(self, subscription: Subscription) -> bool:
        """Whether the client has not left the subscription."""
        return self.subscriptions.get(subscription.id) is subscription

    def leave(self, query: int) -> list[Demand]:
        """The demand that follows where a subscription of this live query is gone: none where another one is left."""
        return [] if any(item.query == query for item in self.subscriptions.values()) else [Leave(query)]

    def accept(self, subscription: Subscription, *, query: int, log: int, view: str = "") -> Encoded | None:
        """The subscription belongs to this live query; its first frame is to be offered next.

        None where the client has left it meanwhile.
        """
        if not self.wants(subscription):
            return None
        self._steady = None
        subscription.query = query
        subscription.log = log
        # as long as the client likes to make them, and not needed any more
        subscription.asked = msgspec.structs.replace(subscription.asked, token=None, cursor=None)
        return self._count(codec.encode(Subscribed(id=subscription.id, query=query, log=log, view=view)))

    def refuse(self, subscription: Subscription, *, code: int, reason: str) -> Encoded | None:
        if not self.wants(subscription):
            return None
        self._steady = None
        del self.subscriptions[subscription.id]
        return self._count(codec.encode(Refused(id=subscription.id, code=code, reason=reason)))

    def passes(self, frame: Encoded, log: int) -> bool:
        """Whether a frame of which nothing else is to be told goes out as it is, which is most often so.

        Where not, it is to be offered.
        """
        if self._steady != log or not self._credit.has_room:
            return False
        self._credit.use(frame.size, is_frame=True)
        return True

    def offer(
        self, frame: Encoded, *, log: int, before: str, caught_up: Collection[int], calls: tuple[str, ...] = ()
    ) -> list[Encoded]:
        """Take a frame for the subscriptions of one log; return what to send.

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
        if late or (mine and (self.held or not self._credit.has_room)):
            if calls:
                self._owed[log] = calls
            for item in self.subscriptions.values():
                if item.log == log and item.live:
                    item.live = False
                    item.cursor = before
            return self._fall_behind()

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

    def lagging(self) -> list[Demand]:
        """The demand to bring up to date what was left behind, if anything was."""
        queries: dict[int, str | None] = {}
        for item in self.subscriptions.values():
            if item.query is None or item.live:
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
    def spent(self) -> bool:
        """Whether nothing more can be sent before the client acknowledges."""
        return not self.held and not self.has_credit

    @property
    def settled(self) -> bool:
        """Whether every subscription is live."""
        return all(item.live for item in self.subscriptions.values())

    def hold(self) -> None:
        """Send no frame until `release`; what comes meanwhile leaves the subscriptions where they stand."""
        self._steady = None
        self.held = True

    def release(self) -> list[Demand]:
        """Go on; return the demand to bring up to date what was held."""
        self.held = False
        return self.lagging() if self.has_credit else []

    def move(self, subscription: Subscription) -> list[Demand]:
        """The client sees other rows than before: the subscription is to be accepted by another live query."""
        self._steady = None
        query = subscription.query
        subscription.query = subscription.log = subscription.cursor = None
        subscription.live = False
        return [] if query is None else self.leave(query)

    def _acknowledge(self, messages: int) -> list[Demand]:
        self._credit.acknowledge(messages)
        return self.lagging() if self.has_credit else []

    def notify(self, event: Encoded) -> list[Encoded]:
        """Take an event; a client that is out of credit, or whose access is being asked again, loses it."""
        return self._notify(event) if self.has_credit else []

    def _notify(self, event: Encoded) -> list[Encoded]:
        return [self._count(event)] if self.state is State.OPEN and self._credit.has_room else []

    def unsent(self, message: Send | Present, *, code: int, reason: str) -> list[Encoded]:
        """Tell the client that something it wanted to say to others was refused."""
        name = message.name if isinstance(message, Send) else ""
        return self._notify(codec.encode(Unsent(id=message.id, name=name, code=code, reason=reason)))

    def missing(self, message: Send | Present) -> list[Encoded]:
        """Tell the client that it has not the subscription through which it wanted to say something."""
        return self.unsent(message, code=Code.FORBIDDEN, reason="There is no such subscription (any more).")

    def reply(self, reply: Reply) -> Encoded | None:
        return None if self.state is State.CLOSED else self._count(codec.encode(reply))

    def beat(self, positions: Mapping[int, str]) -> Encoded | None:
        """Proof of life, with the position of each log in which all subscriptions are live; one at a time."""
        if self.state is not State.OPEN or self._beat > self._credit.acknowledged:
            return None
        mine = self.subscriptions.values()
        logs = {item.log for item in mine} - {item.log for item in mine if not item.live}
        beat = codec.encode(Beat(cursors={str(log): cursor for log, cursor in positions.items() if log in logs}))
        self._count(beat)
        self._beat = self._credit.sent
        return beat

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
