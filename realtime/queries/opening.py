"""Opening: the keys of a large live query at one cursor, whose rows new clients are sent in parts.

Each part is read in a tick of its own, and so sees a later state than the keys do. The last frame then has all changes
since the cursor, as for a client that reconnects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

PART_ROWS = 1000  # live queries with up to this number of rows are sent whole
PART_BYTES = 256 * 1024  # of JSON, after which a part ends before it has so many rows
STEP_ROWS = 250  # that one statement reads, see `KEYS_PER_QUERY`

_decoder: msgspec.json.Decoder[list[str]] = msgspec.json.Decoder(list[str])


class Opening:
    """The keys of all rows in order. Clients that open the live query at about the same time share it.

    They are stored as JSON, which takes a tenth of the memory of strings: one text for each statement that reads rows.
    """

    __slots__ = ("__weakref__", "_keys", "cursor", "fingerprint")

    def __init__(self, cursor: str, fingerprint: str, keys: Sequence[str]) -> None:
        self.cursor = cursor
        self.fingerprint = fingerprint
        starts = range(0, len(keys), STEP_ROWS)
        self._keys = [msgspec.json.encode(keys[start : start + STEP_ROWS]) for start in starts]

    def __len__(self) -> int:
        """The number of statements that read all rows."""
        return len(self._keys)

    def keys(self, step: int) -> list[str]:
        """Return the keys of the rows that one statement reads."""
        return _decoder.decode(self._keys[step])


class Progress(NamedTuple):
    """How far a client has been sent the rows of an opening.

    `step` is the next one. The rows of the `lost` keys had left before they were read, so the client does not know
    them.
    """

    opening: Opening
    step: int = 0
    lost: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        return self.step == len(self.opening)


class RowsPart(NamedTuple):
    """Rows as JSON, and the progress of a client that has received them."""

    puts: bytes
    is_first: bool
    reached: Progress
