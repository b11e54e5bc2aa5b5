"""Request transport: the messages of one HTTP request, and the answers to them.

The next request has the client's cursors, so it may go to another process. It also acknowledges everything before.
Between two long polls, a connection may be parked. The next request of the same session, for the same subscriptions at
the cursors that they had reached, continues with it, without new look-ups. A parked connection is a client like any
other, and ends when its access does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from django.core.handlers.asgi import ASGIRequest
from msgspec import json, structs

from realtime.conf import limits
from realtime.connections.connection import Connection
from realtime.connections.handshake import Handshake, open_connection
from realtime.exceptions import GoingAway, ProtocolError
from realtime.hub.hub import Hub, get_hub
from realtime.protocol.codec import decode, decode_server, encode, encode_bye, encode_frame
from realtime.protocol.messages import (
    Behind,
    Frame,
    Heartbeat,
    Refused,
    ServerMessage,
    Subscribe,
    Subscribed,
    Welcome,
)

WINDOWS = 32  # of frames, because each acknowledgement is a request
PARK_SECONDS = 5.0  # how long a connection waits for the next request
STOPPING_PARK_SECONDS = 1.0  # the same on a stopping server: a client that takes longer has most likely left

BEHIND = encode(Behind()).text

Key = tuple[Handshake, str]
"""A session and its address, with the header `Authorization`."""


class RequestTransport:
    """A request's messages and their answers. As a `Transport`, it stores the answers until they are read.

    Use it as an async context manager: it opens the connection, and releases it at once when the request is
    cancelled.
    """

    def __init__(self, request: ASGIRequest, handshake: Handshake, messages: list[str]) -> None:
        self.messages = messages
        self.ended = False  # bye was sent
        self._connection: Connection | None = None  # None if the client was refused
        self._request = request
        self._handshake = handshake
        self._texts: list[str] = []
        self._news = asyncio.Event()
        self._key = _session(handshake, request)
        self._may_go_on = False  # the connection may be parked
        self._visit: Visit | None = None  # what the client requested, once it was parked
        self._told = Told()
        self._state = b""  # its key while it is parked
        self._timer: asyncio.TimerHandle | None = None  # while it is parked
        self._parked_at = 0.0  # by the loop's clock

    async def __aenter__(self) -> RequestTransport:
        if self._timer is not None:  # it was parked before
            self._timer.cancel()
            self._timer = None
            return self
        request = self._request
        user, session = getattr(request, "user", None), getattr(request, "session", None)
        try:
            connection = await open_connection(self, self._handshake, user=user, session=session, windows=WINDOWS)
        except ProtocolError as error:
            # in the response, whose status has already been sent
            self.send(encode_bye(error).text)
            self.close(error.code, error.reason)
            return self
        self._connection = connection
        connection.is_handed_on = self._may_go_on
        for message in self.messages:
            if self.ended:
                break
            connection.receive(message)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # a client that disconnects now must not prevent the release
        if self._connection is not None and (error is not None or not self._park()):
            await asyncio.shield(_kept(self._connection.close()))

    def may_go_on(self) -> None:
        """Park the connection after the request, for the client's next one."""
        self._may_go_on = True

    def _park(self) -> bool:
        connection, reached = self._connection, self._told.reached()
        if connection is None or not self._may_go_on or self.ended or not connection.settled or connection.busy:
            return False
        try:
            visit = self._visit or Visit.parse(self.messages)
        except ProtocolError:
            return False
        identity = connection.peer.identity
        # the next request must identify its user by cookie or hello, not by another header
        if identity.user is not None and identity.session is None and identity.token is None:
            return False
        if reached.keys() != visit.subscribes.keys():
            return False
        self._state = visit.state(reached)
        _parked.setdefault(get_hub(), defaultdict(dict))[self._key].setdefault(self._state, []).append(self)
        loop = asyncio.get_running_loop()
        self._parked_at = loop.time()
        self._timer = loop.call_at(self._parked_at + PARK_SECONDS, self._give_up)
        return True

    def _unpark(self) -> None:
        states = _of_session(self._key)
        if self in states.get(self._state, ()):
            states[self._state].remove(self)
            if not states[self._state]:
                del states[self._state]
            if not states:
                del _parked[get_hub()][self._key]

    def _give_up(self) -> None:
        self._unpark()
        self.ended = True
        self._timer = None
        self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _kept(connection.close())

    @property
    def user(self) -> str | None:
        """The key of the session's user; not that of a token, which other clients of the address do not have."""
        identity = None if self._connection is None else self._connection.peer.identity
        return None if identity is None or identity.session is None else identity.user

    def _go_on(self, visit: Visit) -> None:
        """Continue with the client's next request."""
        self._unpark()
        self._visit = visit
        self._news.set()
        if self.ended:  # only the bye is left to send
            return
        # the client is no longer stale, because it has read everything
        self._texts = [*self._told.again(), *(text for text in self._texts if text != BEHIND)]
        if self._connection is not None:
            self._connection.acknowledge_all()
            for message in visit.others:
                if not self.ended:
                    self._connection.receive(message)

    @property
    def settled(self) -> bool:
        """Whether every requested subscription is live or has been refused."""
        return self._connection is None or self._connection.settled

    @property
    def spent(self) -> bool:
        """Whether nothing more can be sent before the client acknowledges."""
        return self._connection is not None and self._connection.spent

    async def flush_events(self) -> None:
        """Wait until the client's events are sent or refused, as far as their subscriptions are accepted."""
        if self._connection is not None:
            await self._connection.flush_events()

    @property
    def unsent(self) -> int:
        """The characters that the response has not taken yet."""
        return sum(map(len, self._texts))

    def send(self, text: str) -> None:
        self._texts.append(text)
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.ended = True
        self._news.set()
        if self._timer is None:
            return
        # a parked connection keeps only the bye: without it, the next request would start as an anonymous client's
        self._texts = self._texts[-1:]
        if code == GoingAway.code:
            # a stopping server waits for the next request instead of cutting it, if it is still likely to come
            self._timer.cancel()
            until = self._parked_at + STOPPING_PARK_SECONDS
            self._timer = asyncio.get_running_loop().call_at(until, self._give_up)
        else:
            self._release()

    async def wait(self, until: float | None = None) -> bool:
        """Wait for messages until this time of the loop's clock; return False if there were none.

        Those before have been sent.
        """
        if self._connection is not None:
            self._connection.send_parts(is_taken=True)
        try:
            async with asyncio.timeout_at(until):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def read(self) -> list[tuple[str, ServerMessage]]:
        """Return the new messages to send, each as text and decoded."""
        texts, self._texts = self._texts, []
        self._news.clear()
        taken = [(text, decode_server(text)) for text in texts]
        for text, message in taken:
            self._told.note(text, message)
        if self.spent:
            # not for a client that polls again at once: its page would be stale for one request
            taken = [(text, message) for text, message in taken if not isinstance(message, Behind)]
        return taken


class Visit(NamedTuple):
    """A request's subscriptions, the client's position in each, and its other messages."""

    hello: str
    subscribes: dict[int, Subscribe]  # without cursors and fingerprints
    reached: dict[int, tuple[str | None, str]]  # cursor and fingerprint, by subscription
    others: list[str]

    @classmethod
    def parse(cls, messages: list[str]) -> Visit:
        """Raise `ProtocolError`."""
        visit, most = cls("".join(messages[:1]), {}, {}, []), limits.message_bytes
        for text in messages[1:]:
            message = decode(text, max_bytes=most)
            if isinstance(message, Subscribe) and message.id not in visit.subscribes:
                visit.subscribes[message.id] = structs.replace(message, cursor=None, fingerprint="")
                visit.reached[message.id] = (message.cursor, message.fingerprint)
            else:
                visit.others.append(text)
        return visit

    def state(self, reached: Mapping[int, tuple[str | None, str]]) -> bytes:
        """Return a key that identifies this client at these positions."""
        return json.encode([self.hello, *((self.subscribes[id], reached[id]) for id in sorted(self.subscribes))])


class Told:
    """What a client was answered: enough to repeat it for the next request."""

    def __init__(self) -> None:
        self._welcome = ""
        self._subscribed: dict[int, tuple[str, Subscribed]] = {}
        self._cursors: dict[int, str] = {}  # by log

    def note(self, text: str, message: ServerMessage) -> None:
        match message:
            case Welcome():
                self._welcome = text
            case Subscribed():
                self._subscribed[message.id] = (text, message)
            case Refused():
                self._subscribed.pop(message.id, None)
            case Frame():
                self._cursors[message.log] = message.cursor
            case Heartbeat():
                self._cursors.update((int(log), cursor) for log, cursor in message.cursors.items())

    def reached(self) -> dict[int, tuple[str | None, str]]:
        """The cursor and the fingerprint that the client has now, by subscription."""
        return {
            id: (self._cursors[message.log], message.fingerprint)
            for id, (_, message) in self._subscribed.items()
            if message.log in self._cursors
        }

    def again(self) -> list[str]:
        """Return the answers to an identical request without news."""
        logs = {message.log for _, message in self._subscribed.values()}
        frames = [encode_frame(log=log, cursor=self._cursors[log], deltas=[]).text for log in sorted(logs)]
        return [self._welcome, *(text for text, _ in self._subscribed.values()), *frames]


Parked = defaultdict[Key, dict[bytes, list[RequestTransport]]]

_parked: WeakKeyDictionary[Hub, Parked] = WeakKeyDictionary()


def _of_session(key: Key) -> dict[bytes, list[RequestTransport]]:
    """Return a session's parked connections, by client state."""
    mine = _parked.get(get_hub())
    return {} if mine is None else mine.get(key, {})


def _session(handshake: Handshake, request: ASGIRequest) -> Key:
    return handshake, request.headers.get("Authorization", "")


def parked(handshake: Handshake, request: ASGIRequest) -> RequestTransport | None:
    """Return any parked connection of this session, if there is one."""
    return next((found[0] for found in _of_session(_session(handshake, request)).values()), None)


def go_on(handshake: Handshake, request: ASGIRequest, messages: list[str]) -> RequestTransport | None:
    """Take the parked connection for this request; None if there is none."""
    try:
        visit = Visit.parse(messages)
    except ProtocolError:  # reported when a new connection handles the messages
        return None
    found = _of_session(_session(handshake, request)).get(visit.state(visit.reached))
    if not found:
        return None
    transport = found[0]
    transport._go_on(visit)
    return transport


_tasks: set[asyncio.Task[None]] = set()  # for work that must finish although nothing waits for it


def _kept(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task
