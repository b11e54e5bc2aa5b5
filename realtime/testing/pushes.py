"""Pushes: the changes by a block of code, and the viewers that receive them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import connections
from django.test import TestCase
from msgspec.json import decode

from realtime.capture.tables import log_databases
from realtime.hub.pubsub import event_bus
from realtime.protocol.envelope import Envelope
from realtime.testing.databases import in_test_transaction, log_of
from realtime.testing.viewer import Push, Viewer

MAX_CHANGES = 1_000_000  # a test gets all


class Changed(NamedTuple):
    """A logged change: the model ("board.task"), the key, and the operation ("i", "u", "d" or another)."""

    model: str
    key: str
    operation: str


class SentEvent(NamedTuple):
    """An event that was sent to a stream with parameters, or to one user (by primary key)."""

    name: str
    data: Any
    stream: str
    params: Mapping[str, Any]
    user: str | None


class Pushes:
    """The pushes of a block of code. `pushed[viewer]` is what that viewer received."""

    viewers: tuple[Viewer, ...]
    """All viewers."""

    changes: list[Changed]
    """The logged changes of live models. If it is empty, no page can have changed."""

    events: list[SentEvent]
    """All events that were sent."""

    def __init__(self, viewers: tuple[Viewer, ...]) -> None:
        self.viewers = viewers
        self.changes = []
        self.events = []
        self._pushes: dict[Viewer, Push] = {}

    def __getitem__(self, viewer: Viewer) -> Push:
        """Return what this viewer received."""
        return self._pushes[viewer]

    @property
    def reached(self) -> list[Viewer]:
        """The viewers who received anything."""
        return [viewer for viewer in self.viewers if self._pushes.get(viewer)]


class _Sink(event_bus.EventBus):
    """Receives events like a hub, without an event loop."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self._listening = None

    def __enter__(self) -> _Sink:
        with event_bus._lock:
            event_bus._buses.add(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unregister()

    def put(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


class capture_pushes:
    """Record what a block of code pushes to viewers. Use it with `with` or `async with`.

    Each viewer is refreshed before and after the block, so all changes arrive as one frame. In a `TestCase`, callbacks
    of `on_commit` run at the end of the block, as with `captureOnCommitCallbacks(execute=True)`. Writes that the block
    rolls back push nothing. The first refresh of a viewer may raise an exception: see `Viewer.refresh`.

        with capture_pushes(ada, eve) as pushed:
            task.assign(ada_user)

        assert pushed[ada].puts["3"]["assignee.username"] == "ada"
        assert pushed.reached == [ada]
    """

    def __init__(self, *viewers: Viewer) -> None:
        self._pushes = Pushes(viewers)
        self._stack = ExitStack()
        self._sink = _Sink()
        self._heads: dict[str, str] = {}

    def __enter__(self) -> Pushes:
        for viewer in self._pushes.viewers:
            viewer.refresh()
        aliases = log_databases()
        for alias in aliases:
            log = log_of(alias)
            log.begin()
            self._heads[alias] = log.head()
        self._stack.enter_context(self._sink)
        for alias in aliases | set(connections):
            if in_test_transaction(alias):
                self._stack.enter_context(TestCase.captureOnCommitCallbacks(using=alias, execute=True))
        return self._pushes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)
        if error is None:
            self._look()

    async def __aenter__(self) -> Pushes:
        return await sync_to_async(self.__enter__)()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await sync_to_async(self.__exit__)(kind, error, traceback)

    def _look(self) -> None:
        pushes = self._pushes
        for alias, head in self._heads.items():
            reading = log_of(alias).read(head, limit=MAX_CHANGES)
            pushes.changes += [Changed(change.model, change.key, change.operation) for change in reading.changes]
        pushes.events = [_event(envelope) for envelope in self._sink.envelopes]
        for viewer in pushes.viewers:
            got = [envelope for envelope in self._sink.envelopes if viewer.gets(envelope)]
            push = viewer.refresh()
            push.events = [(envelope.name, decode(envelope.data)) for envelope in got]
            pushes._pushes[viewer] = push


def _event(envelope: Envelope) -> SentEvent:
    params = json.loads(envelope.params) if envelope.params else {}
    return SentEvent(envelope.name, decode(envelope.data), envelope.stream, params, envelope.user)
