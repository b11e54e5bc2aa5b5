"""Exchange: one HTTP request, which is all the time that its connection lasts.

Nothing of a client is kept between two requests: the next one names the cursors that the client has reached, so it may
go to another process, and it is the acknowledgement of all that came before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from types import TracebackType
from weakref import WeakKeyDictionary

from django.core.handlers.asgi import ASGIRequest

from realtime.connection import Connection
from realtime.exceptions import ClientError, ProtocolError
from realtime.hub import Hub, get_hub
from realtime.protocol.codec import Encoded, decode_server, encode_bye
from realtime.protocol.demands import Subscription
from realtime.protocol.messages import Behind, ServerMessage
from realtime.reception import Arrival, let_in
from realtime.streams.grounds import Access
from realtime.subscribers import Delivery

WINDOWS = 32  # of messages on the way, since each acknowledgement is a request
PAUSE_SECONDS = 10.0  # between two requests of a client, for which the hub stays up


class Exchange:
    """A request's messages and the answers to them; as a `Transport`, it keeps these until they are taken.

    Use it as an async context manager: the connection is there inside, and released at once when the request is
    cancelled.
    """

    def __init__(self, request: ASGIRequest, arrival: Arrival, messages: list[str]) -> None:
        self.messages = messages
        self.ended = False  # bye was said
        self._connection: Connection | None = None  # None where the client was turned away
        self._request = request
        self._arrival = arrival
        self._texts: list[str] = []
        self._news = asyncio.Event()
        self._pause = _pauses.setdefault(get_hub(), _Pause())

    async def __aenter__(self) -> Exchange:
        request = self._request
        user, session = getattr(request, "user", None), getattr(request, "session", None)
        self._pause.begin()
        try:
            connection = await let_in(self, self._arrival, user=user, session=session, windows=WINDOWS)
        except ProtocolError as error:
            # in the response, whose status has gone out already
            self.send(encode_bye(error).text)
            self.close(error.code, error.reason)
            return self
        except BaseException:
            self._pause.cease()
            raise
        self._connection = connection
        for message in self.messages:
            connection.receive(message)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pause.cease()
        # a client that hangs up just now must not keep the connection from being released
        if self._connection is not None:
            await asyncio.shield(_kept(self._connection.close()))

    @property
    def settled(self) -> bool:
        """Whether each subscription that was asked for is live, or has been refused."""
        return self._connection is None or self._connection.settled

    @property
    def spent(self) -> bool:
        """Whether nothing more is sent before the client acknowledges."""
        return self._connection is not None and self._connection.spent

    async def said(self) -> None:
        """Wait until the client's events are on their way, or refused, as far as its subscriptions are admitted."""
        if self._connection is not None:
            await self._connection.said()

    def send(self, text: str) -> None:
        self._texts.append(text)
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.ended = True
        self._news.set()

    async def wait(self, until: float | None = None) -> bool:
        """Wait for something to take, until this time of the loop's clock; False if nothing came."""
        try:
            async with asyncio.timeout_at(until):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> list[tuple[str, ServerMessage]]:
        """What is to be sent since the last look: each message as its text, and read."""
        texts, self._texts = self._texts, []
        self._news.clear()
        taken = [(text, decode_server(text)) for text in texts]
        if self.spent:
            # no news to a client that asks anew at once: its page would not be live for the time of a request
            taken = [(text, message) for text, message in taken if not isinstance(message, Behind)]
        return taken


class _Pause:
    """Keeps the hub up between two requests: for a single client, it would start and stop with each.

    To the hub it is a client that wants nothing.
    """

    def __init__(self) -> None:
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._open += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        get_hub().attach(self)

    def cease(self) -> None:
        self._open -= 1
        if not self._open:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._detach)

    def _detach(self) -> None:
        self._timer = None
        _kept(get_hub().detach(self))

    # what the hub calls

    def deliver(self, delivery: Delivery) -> None: ...
    def refuse(self, subscription: Subscription, error: ClientError) -> None: ...
    def fail(self, query: int, error: ClientError) -> None: ...
    def sweep(self, now: float, positions: Mapping[int, str]) -> None: ...
    def reconsider(self, access: Access) -> None: ...
    def stall(self) -> None: ...
    def notify(self, event: Encoded) -> None: ...
    def end(self, error: ProtocolError) -> None: ...


_pauses: WeakKeyDictionary[Hub, _Pause] = WeakKeyDictionary()
_tasks: set[asyncio.Task[None]] = set()  # of what must end although nobody waits for it


def _kept(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task
