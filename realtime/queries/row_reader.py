"""RowReader: reads and renders the rows of a live query, at most once in a tick. A row that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction

from realtime.conf import limits
from realtime.exceptions import StreamDefinitionError, TooManyRows
from realtime.queries import broken_rows
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.plan import BEFORE
from realtime.queries.planner import Planner
from realtime.queries.probe import ReadsAudience, note_reading
from realtime.queries.query_key import QueryKey
from realtime.queries.queryset import unsliced
from realtime.queries.rendering import Renderer, encode_row
from realtime.streams.groups import GroupKeys, value_names
from realtime.streams.keys import KNOWN, key_names, key_of, key_of_values, key_text, parse_keys

KEYS_PER_QUERY = 250  # below every database's parameter limit, even if a key has several columns


class RowReader:
    """The rows of a live query as this tick finds them, by key."""

    __slots__ = ("_encoded", "_key", "_planner", "_stream", "broken", "careful", "order", "renderer", "strict")

    def __init__(self, planner: Planner, key: QueryKey, render: Renderer) -> None:
        self.renderer = render
        self.broken: dict[str, Exception] = {}  # errors of rows that failed when last read, by key
        self.careful = False  # a row has failed in the database: each gets its own savepoint
        self.strict = False  # a row's error is raised, not replaced by a placeholder
        self.order: list[str] | None = None  # the keys of all rows, if this tick has read them
        self._encoded: dict[str, msgspec.Raw] = {}  # the rows that this tick has read
        self._planner = planner
        self._stream = planner.stream
        self._key = key

    def keys(self) -> list[str]:
        """Return the keys of all rows, in order."""
        if self.order is None:
            keys = list(self._in_window(lambda queryset: dict.fromkeys(keys_of(_bounded(queryset)))))
            check_size(len(keys))
            self.order = keys
        return self.order

    def matching(self, keys: Sequence[str]) -> set[str]:
        """Return those of these keys that are rows of the QuerySet, in no order."""
        model, rows = self._stream.model, unsliced(self._planner.rows()).order_by()
        return {key for chunk in in_chunks(keys) for key in keys_of(rows.filter(pk__in=parse_keys(model, chunk)))}

    def objects(self) -> dict[str, Any]:
        """Return the objects of all rows by key, in order; an exception for each unreadable one."""
        return self._in_window(self._objects_of)

    def encode(self, wanted: Sequence[str], keys: Collection[str]) -> dict[str, msgspec.Raw]:
        """Return the rows of the wanted keys, in order; `keys` are those of all rows, if these are known."""
        missing = [key for key in wanted if key not in self._encoded]
        if missing:
            instances = self._read(missing, everything=len(missing) == len(keys))
            for key in missing:
                if key in instances:
                    self._encoded[key] = self._row(instances[key], key)
        return {key: self._encoded[key] for key in wanted if key in self._encoded}

    def encode_all(self) -> None:
        """Read and render all rows, and so learn their order."""
        instances = self._objects_of(_bounded(self._planner.rows()))
        check_size(len(instances))
        for key, instance in instances.items():
            if key not in self._encoded:
                self._encoded[key] = self._row(instance, key)
        self.order = list(instances)

    def encode_anew(self) -> Mapping[str, msgspec.Raw]:
        """Read and render all rows, even those that this tick has read; return them in order."""
        instances = self._in_window(lambda queryset: self._objects_of(_bounded(queryset)))
        check_size(len(instances))
        self._encoded = {key: self._row(instance, key) for key, instance in instances.items()}
        return self._encoded

    def encode_placed(self, keys: Collection[str]) -> tuple[dict[str, msgspec.Raw], dict[str, str | None]] | None:
        """Return these rows, in order, and the key of the row before each; None if an unreadable one has no place."""
        instances = self._some_objects(self._planner.placed_rows(), sorted(keys)) if keys else {}
        if any(isinstance(instance, Exception) for instance in instances.values()):
            return None
        before = {key: key_before(instance) for key, instance in instances.items()}
        return self.encode_objects(instances, {}), before

    def encode_objects(self, instances: Mapping[str, Any], rendered: dict[Any, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Return the rows of these objects. `rendered` has those that others share, by look and key."""
        rows: dict[str, msgspec.Raw] = {}
        look = self.renderer.look
        for key, instance in instances.items():
            alike = look, key
            if key in self._encoded:
                rows[key] = self._encoded[key]
            elif alike in rendered:
                rows[key] = rendered[alike]
                self.broken.pop(key, None)
            else:
                rows[key] = self._row(instance, key)
                if look is not None and key not in self.broken and not self.renderer.asked:
                    rendered[alike] = rows[key]
        return rows

    def take(self, rows: Mapping[str, msgspec.Raw]) -> None:
        """Take rows that were read in this tick."""
        self._encoded.update(rows)

    @property
    def encoded(self) -> Mapping[str, msgspec.Raw]:
        """The rows that this tick has read."""
        return self._encoded

    def make(self, instance: Any, key: str, make: Callable[[Any, str], Any]) -> Any:
        """Return what `make` makes of a row; None if it fails, with the reason in `broken`."""
        self.broken.pop(key, None)
        connection = connections[self._stream.database()]
        try:
            if isinstance(instance, Exception):
                raise instance
            if self.careful:
                with transaction.atomic(using=connection.alias):
                    return make(instance, key)
            return make(instance, key)
        except Exception as error:
            if self.strict or (instance is None and isinstance(error, ValidationError)):  # of a value: its parameters
                raise
            if isinstance(error, DatabaseError) and connection.in_atomic_block and not self.careful:
                raise NeedsCare from error
            self.broken[key] = error
            broken_rows.log_broken_row(self._stream.name, self._key.params.decode(), key, error)
            return None

    def mark_sound(self, keys: Container[str]) -> None:
        """Note that these rows did not fail."""
        if self.broken:
            self.broken = {key: error for key, error in self.broken.items() if key not in keys}

    def forget_broken(self, keys: Collection[str]) -> None:
        """Forget the errors of rows that are gone; `keys` are those that are there."""
        if self.broken:
            self.broken = {key: error for key, error in self.broken.items() if key in keys}
        self.careful = self.careful and bool(self.broken)

    def end_tick(self) -> None:
        """Forget what was read: the next tick sees another state of the database."""
        self._encoded.clear()
        self.order = None

    def _read(self, keys: Sequence[str], *, everything: bool) -> dict[str, Any]:
        analysis, queryset = self._planner.ask(), self._planner.rows()
        if self._planner.has_groups or analysis.whole:  # a row's content depends on the rows read with it
            return self.objects()
        if everything and self._stream.window is None:  # the QuerySet alone is the shorter statement
            return self._objects_of(queryset)
        return self._objects_with(unsliced(queryset), keys)

    def _objects_of(self, queryset: Any) -> dict[str, Any]:
        """Return the objects by key, in order; an exception for each unreadable one."""
        try:
            return _by_key(queryset)
        except DatabaseError:
            raise
        except Exception:
            if self._planner.ask().whole:  # a row's content depends on the rows read with it
                raise
        keys = self.keys()
        found = self._objects_with(unsliced(queryset), keys)
        return {key: found[key] for key in keys if key in found}

    def _objects_with(self, queryset: Any, keys: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for chunk in in_chunks(keys):
            found.update(self._some_objects(queryset, chunk))
        return found

    def _some_objects(self, queryset: Any, keys: Sequence[str]) -> dict[str, Any]:
        """Return the same for these keys, halving them until unreadable rows are alone."""
        try:
            return _by_key(queryset.filter(pk__in=parse_keys(self._stream.model, keys)))
        except DatabaseError:
            raise
        except Exception as error:
            if len(keys) == 1:
                return {keys[0]: error}
            middle = len(keys) // 2
            return {**self._some_objects(queryset, keys[:middle]), **self._some_objects(queryset, keys[middle:])}

    def _in_window(self, read: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the rows that `read` finds in this tick's QuerySet, in order; behind the last page, that page's."""
        found = read(self._planner.rows())
        if not found and self._planner.turn_to_last_page():
            found = read(self._planner.rows())
        window = self._stream.window
        return dict(reversed(found.items())) if window is not None and window.is_from_end else found

    def _row(self, instance: Any, key: str) -> msgspec.Raw:
        row = self.make(instance, key, lambda instance, key: encode_row(self.renderer(instance, key), self._stream))
        if self._planner.is_for_all and self.renderer.asked:
            note_reading(type(self._stream), self._key.format)
            raise ReadsAudience(type(self._stream))
        if key in self.broken:
            return encode_row(broken_rows.placeholder(key, self._key.format), self._stream)
        return cast("msgspec.Raw", row)


def in_chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the values in parts, each for one statement."""
    for start in range(0, len(values), KEYS_PER_QUERY):
        yield values[start : start + KEYS_PER_QUERY]


def check_size(rows: int) -> None:
    """Raise `TooManyRows` if there are more than a live query may have."""
    if rows > limits.rows:
        raise TooManyRows(limits.rows)


def _bounded(queryset: Any) -> Any:
    """Return the QuerySet, cut just beyond the limit of rows, so that an excess is detected."""
    low, high = queryset.query.low_mark, queryset.query.high_mark
    return queryset if high is not None and high - low <= limits.rows else queryset[: limits.rows + 1]


def keys_of(queryset: Any) -> list[str]:
    """Return the keys of a QuerySet's rows, in order."""
    model = queryset.model
    return list(dict.fromkeys(key_of_values(model, row) for row in queryset.values_list(*key_names(model))))


def row_key(instance: Any) -> str:
    """Return the key of a row that was read."""
    return key_text(instance.pk) if isinstance(instance.pk, KNOWN) else key_of(instance)


def key_before(instance: Any) -> str | None:
    """Return the key of the row before a row that was read with its place."""
    before = getattr(instance, BEFORE)
    return None if before is None else key_of_values(type(instance), [before])


def _by_key(queryset: Any) -> dict[str, Any]:
    """Return the objects by key; the first, if joins repeat one."""
    if queryset._fields is not None:
        return _groups_by_key(queryset)
    found: dict[str, Any] = {}
    for instance in queryset.all():  # the QuerySet does not cache the rows
        found.setdefault(row_key(instance), instance)
    return found


def _groups_by_key(queryset: Any) -> dict[str, Any]:
    rows = list(queryset.all())
    found = dict(zip(GroupKeys(queryset).of(rows), rows, strict=True))
    if len(found) < len(rows):
        raise StreamDefinitionError(
            f"A QuerySet of {queryset.model.__name__} returned several groups with the same values.",
            hint=f"Order it by values of the groups only: {', '.join(value_names(queryset))}.",
        )
    return found
