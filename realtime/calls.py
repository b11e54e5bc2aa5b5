"""Calls: those of one client, from the moment that it makes them until they are answered."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from msgspec import UNSET

from realtime.actions import failure, operation_content, operation_key, perform
from realtime.conf import settings
from realtime.exceptions import ClientError, Code, Overloaded
from realtime.figures import count
from realtime.hub import Hub
from realtime.identity import Identity
from realtime.party import Party
from realtime.protocol.messages import Call, Reply
from realtime.streams.registry import registry

VISITOR = Identity().owner  # of whom nothing is known


class Calls:
    """The calls of one client."""

    def __init__(self, party: Party, hub: Hub) -> None:
        self._party = party
        self._hub = hub
        self._waiting: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether one of them waits for its reply."""
        return bool(self._waiting) or (self._task is not None and not self._task.done())

    def take(self, call: Call) -> None:
        """A call of the client, which waits for its turn. Raise `Overloaded` where nobody reads the refusal."""
        session, quota = self._party.session, self._party.quota.calls
        if len(self._waiting) + session.owing >= settings.MAX_CALLS:
            error = Overloaded(f"{settings.MAX_CALLS} calls are waiting already.")
        elif (wait := quota.take(self._party.heard)) > 0:
            error = Overloaded(f"You may make {quota.rate:g} calls a second in the long run.", retry=wait)
        else:
            self._waiting.append(call)
            self._expect(call)
            return
        if not session.has_room:
            raise error
        self._reply(Reply(id=call.id, error=failure(error)))

    def go_on(self) -> None:
        """Take up what waits, if its answers may be sent."""
        if self._waiting and self._party.session.has_room:
            self._task = self._party.start(self._run)

    def _expect(self, call: Call) -> None:
        # before anything that is asked for later: the frame that brings the call's effects is to name it
        if call.stream in registry:
            key = operation_key(self._party.identity, call.id)
            self._hub.expect(self._party, registry.get(call.stream), key, call.id)

    async def _run(self) -> None:
        while self._waiting and self._party.session.has_room:
            await self._call(self._waiting.popleft())

    async def _call(self, call: Call) -> None:
        identity = self._party.identity
        key, owner = operation_key(identity, call.id), identity.owner
        if owner == VISITOR:  # nothing tells this visitor from others
            owner = f"{owner}{id(self._party)}"
        work = partial(perform, identity, call)
        try:
            name = f"{call.stream}.{call.action}"
            reply: Reply = await self._hub.perform(owner, (key, operation_content(call)), work, name=name)
        except ClientError as error:
            reply = Reply(id=call.id, error=failure(error))
        self._reply(reply)
        if call.stream in registry:
            self._hub.settle(self._party, registry.get(call.stream), key, ran=reply.error is UNSET)

    def _reply(self, reply: Reply) -> None:
        count("calls", "ok" if reply.error is UNSET else Code(reply.error.code).name.lower())
        encoded = self._party.session.reply(reply)
        if encoded is not None:
            self._party.say([encoded])
