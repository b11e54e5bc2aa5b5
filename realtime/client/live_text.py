"""LiveTexts: what writers have added to fields of rows, and the server has not saved yet.

It is the twin of the browser's `live_text.js`, and is tested with the same cases. Rows of HTML are left as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from typing import Any, NamedTuple

from realtime.protocol.patches import UTF16, units


class _Added(NamedTuple):
    """Text from an offset on, in UTF-16 code units of two bytes."""

    start: int
    data: bytes


class LiveTexts:
    """What was added to the rows of one live query."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, dict[str, _Added]] = defaultdict(dict)

    def add(self, key: str, field: str, offset: int, text: str) -> None:
        """Add what a writer has added."""
        held, data = self._rows[key].get(field), text.encode(UTF16)
        if held is not None and held.start <= offset <= held.start + len(held.data) // 2:
            offset, data = held.start, held.data[: 2 * (offset - held.start)] + data
        self._rows[key][field] = _Added(offset, data)

    def end(self, key: str, field: str, length: int) -> None:
        """Drop what is beyond the end of a text."""
        held = self._rows.get(key, {}).get(field)
        if held is not None:
            self._rows[key][field] = _Added(held.start, held.data[: 2 * max(0, length - held.start)])

    def read(self, key: str, field: str, start: int, end: int) -> str:
        """Return the text between two offsets. Raise `ValueError` if it has not all come."""
        held = self._rows.get(key, {}).get(field)
        if held is None or not held.start <= start <= end <= held.start + len(held.data) // 2:
            raise ValueError(f"The live text of {field!r} is not there from {start} to {end}.")
        return held.data[2 * (start - held.start) : 2 * (end - held.start)].decode(UTF16)

    def keep(self, keys: Container[str]) -> None:
        """Drop the texts of removed rows."""
        for key in [key for key in self._rows if key not in keys]:
            del self._rows[key]

    def clear(self) -> None:
        self._rows.clear()

    def shown(self, key: str, row: Any) -> Any:
        """Return the row as it is shown; `row` is what is saved."""
        if not isinstance(row, dict):
            return row
        for field in list(self._rows.get(key, ())):
            if isinstance(saved := row.get(field), str):
                row = {**row, field: self._joined(key, field, saved)}
            else:  # another text may be written when it is shown again
                del self._rows[key][field]
        return row

    def _joined(self, key: str, field: str, saved: str) -> str:
        held = self._rows[key][field]
        if units(saved) < held.start:  # what comes between will be saved
            return saved
        data = saved.encode(UTF16)
        rest = data[2 * held.start :]
        if len(rest) < len(held.data) and held.data.startswith(rest):
            return (data[: 2 * held.start] + held.data).decode(UTF16)
        del self._rows[key][field]
        return saved
