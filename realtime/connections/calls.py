"""Calls: one client's calls, from their arrival to their replies."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

import msgspec
from msgspec import UNSET

from realtime.actions.execution import failure, operation_content, operation_key, perform
from realtime.auth import tokens
from realtime.conf import limits, settings
from realtime.connections.peer import Peer
from realtime.exceptions import ClientError, Code, Overloaded
from realtime.hub.counters import count, reason_of
from realtime.hub.hub import Hub
from realtime.hub.subscribers import Client
from realtime.protocol.messages import Call, Reply
from realtime.protocol.session import State
from realtime.streams.registry import registry


class Calls:
    """The calls of one client."""

    def __init__(self, peer: Peer, hub: Hub, client: Client) -> None:
        self._peer = peer
        self._hub = hub
        self._client = client
        self._waiting: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether a call waits for its reply."""
        return bool(self._waiting) or (self._task is not None and not self._task.done())

    def enqueue(self, call: Call) -> None:
        """Queue a call of the client. Raise `Overloaded` if it does not read the refusals."""
        session, quota = self._peer.session, self._peer.quota.calls
        if len(self._waiting) + session.owed_calls >= limits.queued_calls:
            error = Overloaded("%(number)d calls are already queued.", number=limits.queued_calls)
        elif session.state is State.GREETING:  # the client's user is not known yet
            self._waiting.append(call)
            return
        elif (wait := quota.take(self._peer.received_at)) > 0:
            sentence = "You may make %(rate)g calls per second on average."
            error = Overloaded(sentence, retry=wait, rate=quota.rate)
        else:
            try:
                self._accept(call)
            except ClientError as refusal:
                self._reply(self._refusal(call, refusal))
            return
        if not session.has_room:
            raise error
        self._reply(self._refusal(call, error))

    def identify(self) -> None:
        """Queue the calls that came before the client's user was known."""
        calls, self._waiting = self._waiting, deque()
        for call in calls:
            self.enqueue(call)

    def resume(self) -> None:
        """Run waiting calls, if their answers may be sent."""
        if self._waiting and self._peer.session.has_room:
            self._task = self._peer.start(self._run)

    def _accept(self, call: Call) -> None:
        if call.token is not None:
            token = tokens.read(call.token, user=self._peer.identity.user, max_age=settings.TOKEN_SECONDS)
            call = msgspec.structs.replace(call, stream=token.stream, params=token.params)
        self._waiting.append(call)
        # before any later request, so that the frame with the call's effects names it
        if call.stream in registry:
            key = operation_key(self._peer.identity, call.id)
            self._hub.expect(self._client, registry.get(call.stream), key, call.id)

    async def _run(self) -> None:
        while self._waiting and self._peer.session.has_room:
            await self._call(self._waiting.popleft())

    async def _call(self, call: Call) -> None:
        identity = self._peer.identity
        key, quota = operation_key(identity, call.id), self._peer.quota
        work = partial(perform, identity, call)
        try:
            name = f"{call.stream}.{call.action}"
            reply: Reply = await self._hub.executor.run(
                quota.owner, (key, operation_content(call)), work, name=name, of_visitor=quota.is_visitors
            )
        except ClientError as error:
            reply = self._refusal(call, error)
        self._reply(reply, call.stream)
        self._hub.settle(self._client, key, ran=reply.error is UNSET)

    def _refusal(self, call: Call, error: ClientError) -> Reply:
        return Reply(id=call.id, error=failure(error, self._peer.identity.surroundings))

    def _reply(self, reply: Reply, stream: str | None = None) -> None:
        count("calls", "ok" if reply.error is UNSET else reason_of(Code(reply.error.code), stream))
        encoded = self._peer.session.reply(reply)
        if encoded is not None:
            self._peer.send([encoded])
