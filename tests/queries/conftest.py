"""Live queries whose ticks are taken by the test, and viewers that hold what they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from realtime.changelog import get_changelog
from realtime.queries.query_key import query_key
from realtime.queries.shared_delta import Form, Received
from realtime.queries.tail import Tail
from realtime.queries.tick import Tick, Want
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE, Surroundings
from realtime.streams.window import take_window
from tests.models import Shelf
from tests.shapes.desk import desk  # noqa: F401 - a fixture
from tests.support.forms import form_for
from tests.support.replica import Replica


class Viewer:
    """Someone who has a live query up to a cursor. `delta` is what the last tick brought, None for nothing."""

    def __init__(self, live: Live, stream: ModelStream, format: str, cursor: str | None, form: Form) -> None:
        self.live = live
        self.stream = stream
        self.key = query_key(stream, format)
        self.cursor = cursor
        self.query: int | None = None
        self.received = Received(0, form)
        self.replica = Replica()
        self.delta: dict[str, Any] | None = None

    @property
    def keys(self) -> list[str]:
        return self.replica.keys

    @property
    def rows(self) -> list[Any]:
        return [row for _, row in self.replica.ordered]

    @property
    def titles(self) -> list[str]:
        return [row["title"] for row in self.rows]

    def take(self, delta: bytes | None) -> None:
        self.delta = None if delta is None else json.loads(delta)
        if self.delta is not None:
            assert self.delta.pop("query") == self.query
            self.replica.apply(self.delta)


class Live:
    """The live queries of the default database."""

    def __init__(self, *, max_changes: int = 1000) -> None:
        self.log = get_changelog("default")
        self.tail = Tail(self.log, max_changes=max_changes)
        self.viewers: list[Viewer] = []

    def __call__(
        self,
        stream: str | type[ModelStream],
        *,
        audience: Any = None,
        format: str = "data",
        cursor: str | None = None,
        rows: Mapping[str, Any] | None = None,
        surroundings: Surroundings = SITE,
        form: Form = "known",
        **params: Any,
    ) -> Viewer:
        """A viewer who has nothing, or these rows at this cursor; brought to the present by a tick."""
        viewer = self.viewer(
            stream, audience=audience, format=format, cursor=cursor, surroundings=surroundings, form=form, **params
        )
        viewer.replica.hold(rows or {})
        self.tick(viewer)
        self.viewers.append(viewer)
        return viewer

    def viewer(
        self,
        stream: str | type[ModelStream],
        *,
        audience: Any = None,
        format: str = "data",
        cursor: str | None = None,
        surroundings: Surroundings = SITE,
        form: Form = "known",
        **params: Any,
    ) -> Viewer:
        """A viewer who has nothing yet."""
        kind = registry.get(stream) if isinstance(stream, str) else stream
        window, given = take_window(kind, params)
        return Viewer(self, kind(kind.clean_params(given), audience, surroundings, window), format, cursor, form)

    def tick(self, *newcomers: Viewer, gone: tuple[Viewer, ...] = ()) -> Tick:
        wants = {Want(viewer.key, viewer.cursor): viewer.stream for viewer in newcomers}
        tick = self.tail.tick(wants, [viewer.key for viewer in gone])
        self.viewers = [viewer for viewer in self.viewers if viewer not in gone]
        for viewer in self.viewers:
            viewer.take(form_for(tick.deltas.get(viewer.query), viewer.received, viewer.replica))
            viewer.cursor = tick.cursor
        for viewer in newcomers:
            answer = tick.answers.get(Want(viewer.key, viewer.cursor))
            if answer is not None:
                viewer.query = answer.query
                viewer.received = Received(answer.number, viewer.received.form)
                viewer.take(answer.delta)
                viewer.cursor = tick.cursor
        return tick


@pytest.fixture
def live(committed: None) -> Live:
    return Live()


@pytest.fixture
def shelf(committed: None) -> Shelf:
    return Shelf.objects.create(name="one")


@pytest.fixture
def other_shelf(committed: None) -> Shelf:
    return Shelf.objects.create(name="two")
