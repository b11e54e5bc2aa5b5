"""Bounds that few rows reach, so that small histories try what else needs thousands of rows, or long texts."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

LIMITS = {"window_frames": 3, "changes": 25, "row_memory_bytes": 20_000}
_BOUNDS = {
    "realtime.queries.tail.MOST_PARTS": 2,  # of which there are more, too
    "realtime.queries.livequery.FEW_ROWS": 4,
    "realtime.queries.family_reader.FEW_ROWS": 4,
    "realtime.queries.livequery.PART_ROWS": 2,  # so that most openings take several ticks
    "realtime.queries.opening.STEP_ROWS": 1,
    "realtime.queries.round.EARLY_SECONDS": 0,  # so that frames are sent before the end of each round
    "realtime.protocol.patches.LONG_TEXT": 0,  # so that all texts are edited
    "realtime.protocol.patches.LEAST_KEPT": 1,
}


def lower_bounds() -> Iterator[tuple[Any, str, int]]:
    """Yield each module with the name of a bound in it, and the lower value."""
    for path, value in _BOUNDS.items():
        module, _, name = path.rpartition(".")
        yield import_module(module), name, value
