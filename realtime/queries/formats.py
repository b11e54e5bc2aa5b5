"""Formats: the live query of each format. A value, or the links to the pages of a list, is computed as one row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from realtime.protocol.messages import Delta, Put
from realtime.queries import broken_rows
from realtime.queries.fingerprint import of_keys
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import ALL_ROWS, Changed, Past, Present
from realtime.queries.pagination import render_pages
from realtime.queries.plan import Maintenance
from realtime.queries.rendering import encode_row
from realtime.queries.sent import RowMemory
from realtime.queries.shared_delta import SharedDelta
from realtime.streams.stream import ModelStream


def live_query(stream: ModelStream, format: str, memory: RowMemory | None = None) -> LiveQuery:
    """Return the live query of this stream in this format.

    It is "html", "html:..." for inline rows, "data", "pages", or "value:..." with a value's name.

    `memory` bounds what it remembers of the rows that it sends.
    """
    kind, _, name = format.partition(":")
    if kind == "pages":
        return PagesQuery(stream, format, kind)
    return ValueQuery(stream, format, name) if kind == "value" else LiveQuery(stream, format, memory)


class ValueQuery(LiveQuery):
    """A computed value of a stream: one row with the value's name as key, sent if the value has changed.

    `keys` holds the value's JSON instead of keys.
    """

    def __init__(self, stream: ModelStream, format: str, name: str) -> None:
        super().__init__(stream, format)
        self.name = name
        self._names = (name,)

    @property
    def look(self) -> None:
        return None  # the stream computes it, and may read the audience

    @property
    def members(self) -> Collection[str]:
        return ()

    @property
    def maintenance(self) -> Maintenance:
        return Maintenance.VALUE

    def rows(self) -> dict[str, Any]:
        return {self.name: msgspec.json.decode(self._encode_value())}

    def drifts(self) -> bool:
        return True  # its inputs are unknown, and may include the time

    def fingerprint(self, present: Present) -> str:
        return of_keys(self._keys_of(present))

    def page_fingerprint(self, rows: Mapping[str, Any]) -> str:
        return of_keys(bytes(encode_row(row, self.stream)).decode() for row in rows.values())

    def missed(self, changed: Changed, *, theirs: str | None, mine: str, past: Past | None = None) -> Changed:
        return changed if theirs in (None, mine) else ALL_ROWS

    def read_keys(self) -> list[str]:
        return [self._encode_value().decode()]

    def delta(self, changed: Changed, *, whole: bool = False) -> tuple[SharedDelta, Present]:
        keys = self.read_keys()
        delta = Delta(query=self.id) if keys == self.keys else self.resume(keys, ALL_ROWS)
        return SharedDelta(delta), keys

    def catch_up(self, changed: Changed) -> tuple[SharedDelta, Present]:
        return self.reset()

    def reset(self, *, whole: bool = False) -> tuple[SharedDelta, Present]:
        keys = self.read_keys()
        return SharedDelta(self.resume(keys, ALL_ROWS)), keys

    def resume(self, present: Present, changed: Changed, past: Past | None = None) -> Delta:
        if changed is not ALL_ROWS and not changed:
            return Delta(query=self.id)
        return Delta(query=self.id, puts=(Put(key=self.name, row=msgspec.Raw(self._keys_of(present)[0].encode())),))

    def keys_to_divide(self, present: Present) -> None:
        return None  # nor is the QuerySet looked at: changes of any row may concern the value

    def prepare(self, present: Present, changed: Changed, *, told: bool = False) -> None:
        pass

    def _keys_of(self, present: Present) -> list[str]:
        return present if isinstance(present, list) else list(self.keys)

    def _encode_value(self) -> bytes:
        value = self._encode_row(lambda: getattr(self.stream, self.name)())
        return b"null" if self.name in self.reader.broken else bytes(value)

    def _encode_row(self, make: Callable[[], Any]) -> Any:
        return self.reader.make(None, self.name, lambda *_: encode_row(make(), self.stream))


class PagesQuery(ValueQuery):
    """The numbers of a stream's pages, as one row of HTML with the key "pages"."""

    query = ""  # the rest of the address, for the links of a page that is being rendered

    def rows(self) -> dict[str, Any]:
        return {self.name: self._make()}

    def _encode_value(self) -> bytes:
        value = self._encode_row(self._make)
        return bytes(value or encode_row(broken_rows.placeholder(self.name, "html"), self.stream))

    def _make(self) -> str:
        return render_pages(self.stream, self.planner.all_rows(), key=self.name, query=self.query)
