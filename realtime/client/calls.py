"""Calls: each waits for the connection, then for its reply."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realtime.client.errors import RemoteError
from realtime.client.subscriptions import Message, as_json

MAX_WAITING = 100  # calls that wait for the connection


@dataclass(slots=True)
class _Call:
    message: Message
    answer: asyncio.Future[Any]
    sent: bool  # on the current connection


class Calls:
    """The calls of a client that have no reply yet."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._calls: dict[str, _Call] = {}
        self._open = False
        self._refusal: RemoteError | None = None  # why calls are refused

    async def call(self, target: Message, *, within: float) -> Any:
        if self._refusal is not None:
            raise self._refusal
        if not self._open and len(self._calls) >= MAX_WAITING:
            raise RemoteError(None, f"{MAX_WAITING} calls wait for the connection already.", name="queue_full")
        id = str(uuid.uuid4())
        call = _Call(
            as_json({"type": "call", "id": id, **target}), asyncio.get_running_loop().create_future(), self._open
        )
        self._calls[id] = call
        if self._open:
            self._send(call.message)
        try:
            async with asyncio.timeout(within):
                return await call.answer
        except TimeoutError:
            outcome = "The action may or may not have run" if call.sent else "The call was not sent"
            raise RemoteError(None, f"No reply within {within:g} seconds. {outcome}.", name="no_reply") from None
        finally:
            self._calls.pop(id, None)

    def opened(self) -> None:
        """Handle a new connection: send the waiting calls."""
        self._open = True
        for call in list(self._calls.values()):
            call.sent = True
            self._send(call.message)

    def interrupted(self) -> None:
        """Handle the loss of the connection: fail the calls that were sent; the others keep waiting."""
        self._open = False
        reason = "The connection was lost before the reply. The action may or may not have run."
        for call in self._calls.values():
            if call.sent and not call.answer.done():
                call.answer.set_exception(RemoteError(None, reason, name="outcome_unknown"))

    def refused(self, error: RemoteError) -> None:
        """Handle the final end of the connection: fail all calls."""
        self._refusal = error
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(error)

    def reply(self, reply: Message) -> None:
        call = self._calls.get(reply["id"])
        if call is None or call.answer.done():  # it has timed out
            return
        error = reply.get("error")
        if error is None:
            call.answer.set_result(reply.get("result"))
        else:
            details, retry = error.get("details"), error.get("retry")
            call.answer.set_exception(RemoteError(error["code"], error["reason"], details=details, retry=retry))
