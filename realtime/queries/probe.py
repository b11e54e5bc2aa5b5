"""Probe: a copy of a stream that detects whether `get_queryset` reads the audience."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from realtime.queries.queryset import is_same
from realtime.streams.stream import ModelStream

_LOOKED = "_realtime_looked"
# attributes that tell of the audience: a copy has it too
_PERSONAL = frozenset({"audience", "audience_key", "__dict__", "__getstate__", "__reduce__", "__reduce_ex__"})
# attributes that differ between audiences
_OF_ONE = frozenset({"audience", "audience_key", "get_queryset", "_inline_rows"})

# Streams whose QuerySet may differ between audiences.
_personal: WeakSet[type[ModelStream]] = WeakSet()

# The formats in which a row has read its stream, and so may differ between audiences.
_reading: WeakKeyDictionary[type[ModelStream], set[str]] = WeakKeyDictionary()


class ReadsAudience(Exception):
    """Raised if a live query that is read for several audiences depends on the audience after all."""

    def __init__(self, kind: type[ModelStream]) -> None:
        self.kind = kind
        super().__init__(kind)


def may_be_for_all(kind: type[ModelStream]) -> bool:
    """Return whether `get_queryset` has never read the audience, as far as that can be seen."""
    return kind not in _personal and kind.__getattribute__ is object.__getattribute__ and not _has_slots(kind)


def reads_stream(kind: type[ModelStream], format: str) -> bool:
    """Return whether a row in this format has read its stream."""
    return format in _reading.get(kind, ())


def note_reading(kind: type[ModelStream], format: str) -> None:
    """Note that a row in this format has read its stream."""
    _reading.setdefault(kind, set()).add(format)


def differs_in_audience_alone(stream: ModelStream, other: ModelStream) -> bool:
    """Return whether two streams of one class have the same attributes, except for the audience."""
    one, two = vars(stream), vars(other)
    if one.keys() != two.keys() and not (one.keys() ^ two.keys()) <= _OF_ONE:
        return False
    for name, value in one.items():  # a loop, because it runs for each audience at each change
        if name not in _OF_ONE and value is not two[name] and not is_same(value, two[name]):
            return False
    return True


def queryset_of_all(stream: ModelStream) -> Any:
    """Return what `get_queryset` returns if it is the same for all audiences; None if that is unknown.

    It is the same if `get_queryset` has not read the audience: its other arguments do not differ.
    """
    kind = type(stream)
    if not may_be_for_all(kind):
        return None
    probe: Any = object.__new__(_probe_class(kind))
    state = _state(probe)
    state.update(vars(stream))
    state.pop("get_queryset", None)  # that of one audience
    queryset = probe.get_queryset(**stream.params)
    return None if _LOOKED in state else queryset


def _has_slots(kind: type[ModelStream]) -> bool:
    """Return whether its instances have attributes that `vars` does not show."""
    return any(vars(each).get("__slots__") for each in kind.__mro__)


def _state(probe: Any) -> dict[str, Any]:
    state: dict[str, Any] = object.__getattribute__(probe, "__dict__")
    return state


def _probe_class(kind: type[ModelStream]) -> type[ModelStream]:
    found = vars(kind).get("_realtime_probe")
    if found is None:

        def look(self: Any) -> None:
            _state(self)[_LOOKED] = True
            _personal.add(kind)

        def get(self: Any, name: str) -> Any:
            if name in _PERSONAL:
                look(self)
            return object.__getattribute__(self, name)

        def change(self: Any, name: str, *value: Any) -> None:  # a row may show a stored value
            look(self)
            (object.__setattr__ if value else object.__delattr__)(self, name, *value)

        def reduce(self: Any, protocol: Any) -> Any:
            look(self)
            return kind.__reduce_ex__(self, protocol)

        members = {
            "__reduce_ex__": reduce,
            "__getattribute__": get,
            "__setattr__": change,
            "__delattr__": change,
            "__module__": kind.__module__,
        }
        found = type(kind.__name__, (kind,), members)
        kind._realtime_probe = found  # type: ignore[attr-defined]
    probe: type[ModelStream] = found
    return probe
