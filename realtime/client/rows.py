"""Rows: the rows of one live query in order, updated by the deltas of frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from realtime.client.live_text import LiveTexts
from realtime.protocol.patches import apply_patch

Delta = Mapping[str, Any]  # see docs/reference/protocol.md


class Rows:
    """The keys in order, and the rows by key. A delta that does not fit changes nothing."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.keys: list[str] = list(keys)
        self.by_key: dict[str, Any] = dict.fromkeys(self.keys)  # as the server has sent them
        self.texts = LiveTexts()  # what is not saved yet

    @property
    def ordered(self) -> list[Any]:
        return [self.shown(key) for key in self.keys]

    def shown(self, key: str) -> Any:
        """Return a row with what is added to its texts."""
        return self.texts.shown(key, self.by_key[key])

    def clear(self) -> None:
        self.keys, self.by_key = [], {}

    def apply(self, deltas: Iterable[Delta], *, fresh: bool = False) -> bool:
        """Apply the deltas of a frame; return whether they fit. `fresh`: they replace all rows."""
        made = Rows()
        made.texts = self.texts
        if not fresh:
            made.keys, made.by_key = self.keys[:], dict(self.by_key)
        if not all(made._apply(delta) for delta in deltas):
            return False
        self.keys, self.by_key = made.keys, made.by_key
        self.texts.keep(self.by_key)
        return True

    def _apply(self, delta: Delta) -> bool:
        """Apply drops, then puts one by one, then the order, then patches; return whether they fit."""
        if delta.get("reset"):
            self.clear()
        for key in delta.get("drops", ()):
            self._drop(key)
        previous = None
        for put in delta.get("puts", ()):
            key, after = put["key"], put.get("after", previous)
            if after == key or not (after is None or after in self.by_key) or not ("row" in put or key in self.by_key):
                return False
            row = put["row"] if "row" in put else self.by_key[key]
            self._drop(key)
            at_end = self.keys and after == self.keys[-1]  # as all rows of a reset
            self.keys.insert(len(self.keys) if at_end else 0 if after is None else self.keys.index(after) + 1, key)
            self.by_key[key] = row
            previous = key
        order = delta.get("order")
        return (order is None or self._arrange(order)) and self._patch(delta.get("patches", {}))

    def _patch(self, patches: Mapping[str, Any]) -> bool:
        try:
            self.by_key |= {
                key: apply_patch(self.by_key[key], patch, partial(self.texts.read, key))
                for key, patch in patches.items()
            }
        except (LookupError, ValueError):
            return False
        return True

    def _drop(self, key: str) -> None:
        if key in self.by_key:
            del self.by_key[key]
            self.keys.remove(key)

    def _arrange(self, order: Iterable[str]) -> bool:
        wanted = list(dict.fromkeys(order))
        if not all(key in self.by_key for key in wanted):
            return False
        self.keys, self.by_key = wanted, {key: self.by_key[key] for key in wanted}
        return True
