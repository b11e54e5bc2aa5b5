"""Membership: the rows that a live query has, and which of them may have changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final, NamedTuple

from msgspec import Raw


class AllRows(Enum):
    """Stands for the changed keys if any row may have changed."""

    ALL_ROWS = "all rows"


ALL_ROWS: Final = AllRows.ALL_ROWS

Changed = Collection[str] | AllRows
"""The keys of rows that may have changed, in the form of `comparable_key`; or `ALL_ROWS`."""


class LookedUp(NamedTuple):
    """What is known in a tick of changed rows: those of `keys` that belong, in order, and the key before each.

    Live queries that are read together and see the same share one.
    """

    keys: frozenset[str]
    rows: Mapping[str, Raw]
    before: Mapping[str, str | None]


class Members(NamedTuple):
    """The rows that have entered and left a live query, if only its changed rows were read."""

    added: Collection[str] = ()
    removed: Collection[str] = ()
    reordered: bool = False  # other rows have changed places


Present = list[str] | Members
"""What a live query has now: the keys of all rows in order, or their difference from before."""

Past = Mapping[str, bool]
"""The keys that have entered or left since a cursor, and whether they were there at that cursor."""
