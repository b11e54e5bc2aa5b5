"""Connection: runs the session over a series of WebSockets, until it is closed."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, WebSocketException

from realtime.client.calls import Calls
from realtime.client.effects import (
    Apply,
    Close,
    Effect,
    EventReceived,
    EventRejected,
    Expires,
    Open,
    Refused,
    Replied,
    Retry,
    Send,
    TextAdded,
    TextEnded,
    Wait,
    Welcomed,
)
from realtime.client.errors import RemoteError
from realtime.client.events import EventListeners, call_safely
from realtime.client.live_query import LiveQuery
from realtime.client.session import ClientState, State
from realtime.client.subscriptions import Message, Subscription, as_json

logger = logging.getLogger("realtime.client")

OPEN_SECONDS = 10.0  # for a connection to open, and then for the server's welcome
FIRST_DELAY_SECONDS = 0.5  # the maximum of the first delay; it doubles each time
LONGEST_DELAY_SECONDS = 15.0
GOOD_SECONDS = 10.0  # a connection that lasted this long counts as good, and the delays start again
SILENT_HEARTBEATS = 2.0  # a connection that is silent for so many heartbeats counts as dead
REFRESH_SECONDS = 30.0  # a token is replaced when a quarter of its lifetime is left, or so many seconds
CLOSE_SECONDS = 5.0


class Socket(Protocol):
    """The socket of one connection; `recv` raises `ConnectionClosed` at its end."""

    async def recv(self) -> str | bytes: ...
    async def send(self, message: str, /) -> None: ...


Token = str | Callable[[], str | Awaitable[str]]


class Connection:
    """The session of a client, and the sockets that carry its messages."""

    def __init__(self, url: str, *, token: Token | None, headers: Mapping[str, str]) -> None:
        self.url = url
        self.error: RemoteError | None = None  # why the connection has ended for good
        self.events = EventListeners()  # for the user's events
        self.refusals: list[Callable[[RemoteError], object]] = []  # called when an event or presence is rejected
        self.calls = Calls(lambda message: self._do([Send(message)]))
        self._token = token
        self._headers = dict(headers)
        self._session = ClientState()
        self._queries: dict[Subscription, LiveQuery] = {}
        self._socket: Socket | None = None
        self._outgoing: deque[str] = deque()
        self._has_outgoing = asyncio.Event()
        self._changed = asyncio.Event()  # set when a state may have changed
        self._attempts = 0
        self._retry = 0.0  # the server allows no reconnect before so many seconds
        self._planned = False  # the last connection ended because the server asked its clients to reconnect
        self._silence = OPEN_SECONDS
        self._welcomed: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refresh: asyncio.Task[None] | None = None
        self._main: asyncio.Task[None] | None = None

    @property
    def state(self) -> State | None:
        return self._session.state

    def state_of(self, subscription: Subscription) -> State | None:
        return self._session.state_of(subscription)

    def connect(self) -> None:
        self._do(self._session.connect())

    def subscribe(self, query: LiveQuery) -> None:
        subscription = query._subscription
        subscription.params, subscription.present = as_json((subscription.params, subscription.present))
        if self.error is not None:
            query._end(self.error, drop_rows=False)
            return
        self._queries[query._subscription] = query
        self._do(self._session.subscribe(query._subscription))

    def unsubscribe(self, query: LiveQuery) -> None:
        if self._queries.pop(query._subscription, None) is not None:
            self._do(self._session.unsubscribe(query._subscription))
            query._end(RemoteError(None, "The live query is closed."), drop_rows=False)

    def replace(self, query: LiveQuery, other: LiveQuery) -> None:
        """Let a query have the subscription of another one, and end its own."""
        self._do(self._session.unsubscribe(query._subscription))
        del self._queries[query._subscription]
        query._subscription = other._subscription
        self._queries[query._subscription] = query

    def send_event(self, subscription: Subscription, name: str, data: Any) -> bool:
        """Send an event to the other subscribers; return whether it was sent."""
        effects = self._session.send_event(subscription, name, data)
        self._do(effects)
        return bool(effects)

    def present(self, subscription: Subscription, data: Mapping[str, Any]) -> None:
        self._do(self._session.present(subscription, as_json(data)))

    async def call(
        self, stream: str, params: Mapping[str, Any], action: str, args: Mapping[str, Any], *, within: float
    ) -> Any:
        target = {"stream": stream, "params": dict(params), "action": action, "args": dict(args)}
        return await self.calls.call(target, within=within)

    async def wait_until_live(self) -> None:
        while self.state != "live":
            refusals = (query.error for query in self._queries.values() if self.state == "refused")
            if error := self.error or next(filter(None, refusals), None):
                raise error
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        tasks = [task for task in (self._main, self._refresh, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._end(RemoteError(None, "The client is closed."))
        self._lost(1000, "The client is closed.")

    # the series of connections

    async def _run(self) -> None:
        while self._phase == "opening":
            code, reason = await self._connect()
            self._lost(code, reason)
            if self._phase == "waiting":
                await asyncio.sleep(self._retry + self._delay(self._attempts))
                if not self._planned:
                    self._attempts += 1
                self._do(self._session.due())
        if self._session.fault is not None:
            self._end(RemoteError(*self._session.fault))

    def _lost(self, code: int, reason: str) -> None:
        if self._phase in ("opening", "greeting", "ready"):
            self._do(self._session.lost(code, reason))

    @property
    def _phase(self) -> str:
        return self._session.phase

    async def _connect(self) -> tuple[int, str]:
        """Run one connection from the handshake to its end; return why it ended."""
        self._silence, self._welcomed = OPEN_SECONDS, None
        try:
            async with self._open_socket() as socket:
                self._do(self._session.opened(await self._new_token()))
                self._socket = socket
                sending = asyncio.create_task(self._send_all(socket))
                try:
                    await self._receive_all(socket)
                finally:
                    self._socket = None
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
            return 1006, "The connection was ended."
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "The connection was lost.")
        except TimeoutError:
            return 1006, "Nothing was heard from the server."
        except (OSError, WebSocketException) as error:
            return 1006, str(error)
        except Exception:  # from the token function, or because of an invalid message
            logger.exception("The connection to %s has failed; trying again.", self.url)
            return 1006, "The connection has failed."

    def _open_socket(self) -> AbstractAsyncContextManager[Socket]:
        """Return a context manager that opens the socket of one connection."""
        return open_socket(
            self.url,
            additional_headers=self._headers,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
            max_size=None,
        )

    async def _new_token(self) -> str | None:
        if not callable(self._token):
            return self._token
        try:
            token = self._token()
            return await token if inspect.isawaitable(token) else token
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise RuntimeError("The token function was cancelled.") from error  # not this task

    async def _receive_all(self, socket: Socket) -> None:
        while self._session.phase in ("greeting", "ready"):
            async with asyncio.timeout(self._silence):
                data = await socket.recv()
            message = msgspec.json.decode(data)
            self._do(self._session.receive(message, len(data if isinstance(data, bytes) else data.encode())))

    async def _send_all(self, socket: Socket) -> None:
        while True:
            while self._outgoing:
                await socket.send(self._outgoing.popleft())
            self._has_outgoing.clear()
            await self._has_outgoing.wait()

    def _delay(self, failures: int) -> float:
        # random, so that clients do not reconnect all at once
        longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(failures, 10))
        return random.uniform(0, longest)  # noqa: S311

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do_one(effect)
        self._changed.set()

    def _do_one(self, effect: Effect) -> None:
        match effect:
            case Open() if self._main is None:
                self._main = asyncio.create_task(self._run(), name="realtime client")
            case Open():
                pass  # `_run` is already running
            case Close():
                self._closed()
            case Send(message):
                self._put(message)
            case Wait(retry, planned):
                self._retry = retry
                self._planned = planned and self._welcomed is not None
                if self._planned:
                    self._attempts = 0
            case Welcomed(heartbeat):
                self._silence = SILENT_HEARTBEATS * heartbeat
                self._welcomed = asyncio.get_running_loop().time()
                self.calls.opened()
            case Expires(seconds):
                self._refresh_before(seconds)
            case Apply():
                self._apply(effect)
            case Refused(subscription, code, reason, details):
                self._queries[subscription]._end(RemoteError(code, reason, details=details), drop_rows=True)
            case Retry(subscription):
                self._start(self._subscribe_again(subscription))
            case Replied(reply):
                self.calls.reply(reply)
            case EventReceived(event, subscriptions):
                self._dispatch_event(event, subscriptions)
            case TextAdded(subscriptions, key, field, offset, text):
                for query in self._queries_of(subscriptions):
                    query._add_text(key, field, offset, text)
            case TextEnded(subscriptions, key, field, length):
                for query in self._queries_of(subscriptions):
                    query._end_text(key, field, length)
            case EventRejected(code, reason):
                for callback in list(self.refusals):
                    call_safely(callback, RemoteError(code, reason))

    def _put(self, message: Message) -> None:
        self._outgoing.append(msgspec.json.encode(message).decode())
        self._has_outgoing.set()

    def _apply(self, frame: Apply) -> None:
        failed = set()
        for subscription, deltas, fresh in frame.updates:
            query = self._queries.get(subscription)
            if query is not None and not query._apply(deltas, fresh=fresh):
                failed.add(subscription)
        self._do(self._session.applied(frame, failed))

    def _dispatch_event(self, event: Message, subscriptions: list[Subscription] | None) -> None:
        if subscriptions is None:
            self.events.dispatch(event)
            return
        for query in self._queries_of(subscriptions):
            query._events.dispatch(event)

    def _queries_of(self, subscriptions: list[Subscription]) -> list[LiveQuery]:
        return [self._queries[subscription] for subscription in subscriptions if subscription in self._queries]

    def _closed(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._welcomed is not None and now - self._welcomed >= GOOD_SECONDS:
            self._attempts = 0
        self._outgoing.clear()
        for query in self._queries.values():
            query._rows.texts.clear()  # their ends may be missed
        self.calls.interrupted()
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None

    async def _subscribe_again(self, subscription: Subscription) -> None:
        await asyncio.sleep(self._delay(subscription.failures))
        self._do(self._session.again(subscription))

    def _refresh_before(self, seconds: float) -> None:
        if self._refresh is not None and self._refresh is not asyncio.current_task():
            self._refresh.cancel()
        self._refresh = asyncio.create_task(self._send_token(seconds - min(REFRESH_SECONDS, seconds / 4)))

    async def _send_token(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            token = await self._new_token()
        except Exception:
            logger.exception("There is no newer token; the connection ends when its token expires.")
            return
        if token is not None:
            self._do(self._session.authenticate(token))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self, error: RemoteError) -> None:
        self.error = error
        self.calls.refused(error)
        for query in self._queries.values():
            if query.error is None:
                query._end(error, drop_rows=False)
        self._changed.set()
