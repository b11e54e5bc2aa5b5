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
        self.stuck: QueryKey | None = None  # what it was reading when it was abandoned, if it read one live query
        self._seconds: defaultdict[QueryKey, float] = defaultdict(float)
        self._current: tuple[QueryKey, ...] = ()
        self._since = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, *keys: QueryKey) -> Iterator[None]:
        """Time the reading of live queries; each bears the same part.

        Raise `GivenUp` at its end if the round was abandoned.
        """
        with self._lock:
            self._current, self._since = keys, time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                each = (time.monotonic() - self._since) / len(keys)
                for key in keys:
                    self._seconds[key] += each
                self._current = ()
                if self.given_up:
                    raise GivenUp

    @property
    def seconds(self) -> Mapping[QueryKey, float]:
        """How long each live query was read, in a round that has ended."""
        return self._seconds

    def slow(self, seconds: float) -> tuple[QueryKey, ...]:
        """Return the live queries being read, if the round has spent more than this many seconds on them."""
        with self._lock:
            return self._current if self._spent() > seconds else ()

    def give_up(self, keys: tuple[QueryKey, ...]) -> bool:
        """Abandon the round if it still reads these live queries; return whether it does."""
        with self._lock:
            self.given_up = self._current == keys
            self.stuck = keys[0] if self.given_up and len(keys) == 1 else None
            return self.given_up

    def _spent(self) -> float:
        if not self._current:
            return 0.0
        before = self._seconds[self._current[0]] if len(self._current) == 1 else 0.0
        return before + time.monotonic() - self._since
