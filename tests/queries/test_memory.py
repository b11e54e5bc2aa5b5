"""Memory: what a live query takes, counted in bytes."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from realtime.changelog import get_changelog
from realtime.queries.query_key import query_key
from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from realtime.streams.registry import registry

LIVE_QUERIES = 300
MOST_BYTES = 8 * 1024


@pytest.mark.once
def test_live_query_without_rows_takes_less_than_eight_kibibytes(committed: None) -> None:
    kind = registry.get("books")
    wanted = {}
    for shelf in range(LIVE_QUERIES + 1):
        stream = kind(kind.clean_params({"shelf": shelf}))
        wanted[Want(query_key(stream, "data"), None)] = stream
    tail = Tail(get_changelog("default"), max_changes=100)
    tail.tick(dict([wanted.popitem()]), [])  # what all live queries of a stream share

    gc.collect()
    tracemalloc.start()
    try:
        tail.tick(wanted, [])
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(list(tail.costs())) == LIVE_QUERIES + 1
    assert taken / LIVE_QUERIES < MOST_BYTES
