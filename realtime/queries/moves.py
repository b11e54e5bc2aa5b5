"""Moves: which keys change places between two orders."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def befores(keys: Sequence[str]) -> dict[str, str | None]:
    """Return the key before each key."""
    return dict(zip(keys, [None, *keys], strict=False))


def keys_in_place(
    puts: Mapping[str, Any], was: Mapping[str, str | None], now: Mapping[str, str | None]
) -> Collection[str]:
    """Return the keys whose puts leave their rows in place, given the row before each, without the dropped ones."""
    found: set[str] = set()
    for key in puts:  # in order
        if key in was and was[key] == now[key] and (now[key] not in puts or now[key] in found):
            found.add(key)
    return found


def keys_to_move(was: Sequence[str], now: Sequence[str]) -> set[str]:
    """Return a smallest set of keys that must move to reach the new order."""
    if was == now:
        return set()
    return set(now) - _in_order(now, {key: place for place, key in enumerate(was)})


def _in_order(keys: Sequence[str], places: Mapping[str, int]) -> set[str]:
    """Return a largest set of keys in the order of their places: a longest increasing subsequence."""
    ends: list[int] = []  # by length: the lowest last place of a subsequence
    last: list[str] = []
    previous: dict[str, str | None] = {}
    for key in keys:
        length = bisect_left(ends, places[key])
        previous[key] = last[length - 1] if length else None
        ends[length : length + 1] = [places[key]]
        last[length : length + 1] = [key]
    found: set[str] = set()
    current = last[-1] if last else None
    while current is not None:
        found.add(current)
        current = previous[current]
    return found
