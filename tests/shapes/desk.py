"""A desk: a tail that ticks when it is told to, and replicas of live queries, each compared with a fresh QuerySet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections, transaction
from django.db.models import QuerySet, prefetch_related_objects
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.capture import install, triggers
from realtime.changelog import get_changelog
from realtime.conf import settings
from realtime.models import Change, Log
from realtime.queries.query_key import query_key
from realtime.queries.shared_delta import Received
from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from realtime.streams.registry import registry
from tests.support.forms import form_for
from tests.support.replica import Replica

READS = {"tag_names": "tags", "remark_texts": "remarks"}  # the relation that a property of a model reads
_numbers = itertools.count(1)


class Seen(Replica):
    """What a client has of a live query, at a cursor."""

    def __init__(self, stream: ModelStream, format: str, fresh: Callable[..., QuerySet[Any]] | None) -> None:
        super().__init__()
        self.stream = stream
        self.format = format
        self.cursor: str | None = None
        self.query: int | None = None
        self.received = Received(0, "whole")
        self.deltas: list[dict[str, Any]] = []  # that came by themselves
        self.answer: dict[str, Any] | None = None  # that came on subscribing
        self._fresh = fresh

    def expected(self) -> list[tuple[str, Any]]:
        """The keys and rows of a fresh QuerySet; of a row that joins give several times, the first."""
        stream, params = self.stream, self.stream.params
        found: dict[str, Any] = {}
        for instance in self._fresh(stream, **params) if self._fresh else stream.get_queryset(**params):
            found.setdefault(_key(instance.pk), instance)
        _fetch_related(list(found.values()), self.stream.fields)
        return [(key, _row(instance, self.stream.fields)) for key, instance in found.items()]

    def check(self) -> None:
        expected = self.expected()
        wrong = [f"{key}: {self.rows.get(key)} is not {row}" for key, row in expected if self.rows.get(key) != row]
        assert (self.keys, wrong) == ([key for key, _ in expected], [])

    def past(self) -> Seen:
        """A client that has what this one has now, and will be away."""
        past = Seen(self.stream, self.format, self._fresh)
        past.cursor, past.query, past.answer = self.cursor, self.query, self.answer
        past.hold(dict(self.ordered))
        return past


class Desk:
    def __init__(self) -> None:
        self.tail = Tail(get_changelog("default"), max_changes=1000)
        self.seen: list[Seen] = []
        self._names: list[str] = []

    def stream(
        self, model: Any, get_queryset: Callable[..., Any], *, captured: bool = True, **options: Any
    ) -> type[ModelStream]:
        """A stream, registered, and captured unless one that is made after it will be."""
        name = f"shape{next(_numbers)}"
        members = {"model": model, "fields": ["title"], "get_queryset": get_queryset, **options}
        stream: Any = type("ShapeStream", (ModelStream,), members)
        registry.add(name, stream)
        self._names.append(name)
        if captured:
            install.install()
            if settings.CAPTURE == "triggers":
                triggers.install("default")
        return stream

    def watch(
        self,
        stream: type[ModelStream],
        *,
        format: str = "data",
        audience: Any = None,
        fresh: Callable[..., QuerySet[Any]] | None = None,
        **params: Any,
    ) -> Seen:
        """A client of the live query, which has its rows now."""
        seen = Seen(stream(stream.clean_params(params), audience), format, fresh)
        self.bring(seen)
        self.seen.append(seen)
        return seen

    def bring(self, *returning: Seen) -> None:
        """Bring clients from their cursors to the present, as on subscribing; `answer` is the delta of each."""
        wants = {Want(query_key(seen.stream, seen.format), seen.cursor): seen.stream for seen in returning}
        tick = self._tick(wants)
        for seen in returning:
            answer = tick.answers[Want(query_key(seen.stream, seen.format), seen.cursor)]
            seen.query = answer.query
            seen.received = Received(answer.number, "whole")
            seen.answer = json.loads(answer.delta) if answer.delta else None
            if seen.answer:
                seen.apply(seen.answer)
        for seen in returning:
            seen.cursor = tick.cursor

    def tick(self) -> None:
        """Read what has changed, and send it."""
        self._tick({})

    def _tick(self, wants: Mapping[Want, ModelStream]) -> Any:
        tick = self.tail.tick(wants, ())
        assert tick.failed == set(), "A live query cannot be read; the log says why."
        for seen in self.seen:
            delta = form_for(tick.deltas.get(seen.query), seen.received, seen)
            if delta is not None:
                seen.deltas.append(json.loads(delta))
                seen.apply(seen.deltas[-1])
            seen.cursor = tick.cursor
        return tick

    def check(self) -> None:
        """Tick, and compare every client with its QuerySet."""
        self.tick()
        for seen in self.seen:
            seen.check()

    def close(self) -> None:
        for name in self._names:
            registry.remove(name)
        install.install()
        empty()


@contextmanager
def statements() -> Iterator[CaptureQueriesContext]:
    """The SQL statements but for those that begin and end transactions."""
    with CaptureQueriesContext(connection) as captured:
        yield captured
    frame = ("BEGIN", "COMMIT", "SET ", "SAVEPOINT", "RELEASE", "ROLLBACK")
    captured.only = [each["sql"] for each in captured.captured_queries if not each["sql"].startswith(frame)]  # type: ignore[attr-defined]


def empty() -> None:
    """Delete all that the tests have written."""
    configs = map(apps.get_app_config, ("shapes", "fields"))
    own = [model for config in configs for model in config.get_models(include_auto_created=True)]
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for model in [*own, Change, Log]:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")
    get_changelog("default").begin()


@pytest.fixture
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    """A desk, whose writers commit."""
    with django_db_blocker.unblock():
        desk = Desk()
        yield desk
        desk.close()
        connections.close_all()


def _key(pk: Any) -> str:
    return (
        json.dumps([_key(part) for part in pk], separators=(",", ":"), ensure_ascii=False)
        if isinstance(pk, tuple)
        else str(pk)
    )


def _fetch_related(instances: Sequence[Any], fields: Sequence[str]) -> None:
    """Read at once what `_row` follows; a statement for each row and relation would take most of the time."""
    paths = {path.rpartition(".")[0].replace(".", "__") for path in fields}
    prefetch_related_objects(instances, *sorted((paths | {READS.get(path, "") for path in fields}) - {""}))


def _row(instance: Any, fields: Sequence[str]) -> dict[str, Any]:
    row = {}
    for path in fields:
        value = instance
        for step in path.split("."):
            value = value and getattr(value, step)
        row[path] = value
    return row
