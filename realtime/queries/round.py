"""Round: a running tick as other threads see it: what it reads, for how long, and how to abandon it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from realtime.exceptions import ClientError

if TYPE_CHECKING:
    from realtime.queries.livequery import LiveQuery
    from realtime.queries.query_key import QueryKey


class GivenUp(Exception):
    """Raised in the thread of a round that another thread has abandoned. Its results are discarded."""


class Round:
    """What one tick has done so far.

    The tick's thread notes which live query it reads. Another thread may check how long that takes, and abandon the
    round. The tick then ends as soon as this read returns, without touching anything else.
    """

    def __init__(self) -> None:
        self.touched: set[LiveQuery] = set()  # live queries with data that was read in this round
        self.expanded: dict[Any, Any] = {}  # expansions of the changes since older cursors
        self.failed: set[QueryKey] = set()  # live queries that could not be read; the reason is logged
        self.errors: dict[QueryKey, ClientError] = {}  # why some of them are refused, for their subscribers
        self.interrupt: Callable[[], None] | None = None  # cancels the running statement; for another thread
        self.given_up = False
        self.stuck: QueryKey | None = None  # what it was reading when it was abandoned
        self._seconds: defaultdict[QueryKey, float] = defaultdict(float)
        self._current: QueryKey | None = None
        self._since = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, key: QueryKey) -> Iterator[None]:
        """Time the reading of a live query. Raise `GivenUp` at its end if the round was abandoned."""
        with self._lock:
            self._current, self._since = key, time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[key] += time.monotonic() - self._since
                self._current = None
                if self.given_up:
                    raise GivenUp

    @property
    def seconds(self) -> Mapping[QueryKey, float]:
        """How long each live query was read, in a round that has ended."""
        return self._seconds

    def slow(self, seconds: float) -> QueryKey | None:
        """Return the live query being read, if the round has spent more than this many seconds on it."""
        with self._lock:
            return self._current if self._spent() > seconds else None

    def give_up(self, key: QueryKey) -> bool:
        """Abandon the round if it still reads this live query; return whether it does."""
        with self._lock:
            self.given_up = self._current == key
            self.stuck = self._current if self.given_up else None
            return self.given_up

    def _spent(self) -> float:
        if self._current is None:
            return 0.0
        return self._seconds[self._current] + time.monotonic() - self._since
