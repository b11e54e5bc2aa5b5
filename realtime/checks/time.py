"""Checks of time: QuerySets that depend on the clock without `changes_at` or `refresh_every`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning

from realtime.checks import register
from realtime.queries.analysis import asks_for_time
from realtime.queries.fingerprint import of_queryset
from realtime.queries.queryset import queryset_problem
from realtime.streams.registry import place, registry
from realtime.streams.stream import ModelStream
from realtime.streams.validation import probe, valid_streams

CLOCKS = {"now", "today", "localdate", "localtime", "utcnow"}


@register()
def check_time(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W067: a QuerySet that depends on the clock, without `changes_at` or `refresh_every`."""
    return [
        Warning(
            f"get_queryset of {stream.__name__} depends on the current time, so rows change without any write.",
            hint="Let `changes_at(self)` return the datetime of the next change, or set `refresh_every` to a number "
            "of seconds. Otherwise pages update only at the next write, or when they reconnect.",
            obj=place(stream),
            id="realtime.W067",
        )
        for stream in valid_streams(registry.declared())
        if not stream.changes_by_time() and _looks_at_clock(stream)
    ]


def _looks_at_clock(stream: type[ModelStream]) -> bool:
    first, second = probe(stream), probe(stream)
    if first is None or queryset_problem(first, stream) is not None:
        return _names_clock(getattr(stream.get_queryset, "__code__", None))
    try:
        moving = asks_for_time(first.query) or of_queryset(first) != of_queryset(second)
    except Exception:  # it has no SQL: realtime.E006 reports it
        return False
    return moving or _names_clock(getattr(stream.get_queryset, "__code__", None))


def _names_clock(code: Any) -> bool:
    """Return whether code calls a clock function. Comparing two calls does not reveal `date.today()`."""
    if not hasattr(code, "co_names"):
        return False
    return not CLOCKS.isdisjoint(code.co_names) or any(map(_names_clock, code.co_consts))
