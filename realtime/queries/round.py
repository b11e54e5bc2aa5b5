"""Round: a running tick: what it reads, for how long, what has failed, and how another thread abandons it."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError

from realtime.exceptions import ClientError, TooManyRows
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.probe import ReadsAudience
from realtime.streams.choices import refused_choice
from realtime.streams.surroundings import SITE

if TYPE_CHECKING:
    from realtime.queries.livequery import LiveQuery
    from realtime.queries.query_key import QueryKey
    from realtime.queries.tick import Tick

logger = logging.getLogger("realtime.log")

EARLY_SECONDS = 0.05  # after which a round hands out what it has, and again each time

HandOut = Callable[["Tick | None", Collection[int]], None]
"""Takes the next deltas of a round that has not ended, and the live queries that it has not read yet.

None instead of deltas means that the round starts over: what it handed out is not what it will end with.
"""


class GivenUp(Exception):
    """Raised in the thread of a round that another thread has abandoned. Its results are discarded."""


class QueryFailed(Exception):
    """A live query's database error, which has aborted the transaction."""

    def __init__(self, key: QueryKey, error: DatabaseError) -> None:
        self.key = key
        self.error = error


def applied(key: QueryKey) -> AbstractContextManager[None]:
    """Apply a live query's surroundings, beside those of the site, which the whole tick has."""
    return nullcontext() if key.surroundings == SITE else key.surroundings.applied()


class Round:
    """What one tick has done so far.

    The tick's thread notes which live query it reads. Another thread may check how long that takes, and abandon the
    round. The tick then ends as soon as this read returns, without touching anything else.

    `hand_out` is called in the tick's thread, if the round takes longer, with deltas that need not wait for its end.
    """

    def __init__(self, hand_out: HandOut | None = None) -> None:
        self._hand_out = hand_out
        self._next_early = time.monotonic() + EARLY_SECONDS
        self._has_handed_out = False
        self.touched: set[LiveQuery] = set()  # live queries with data that was read in this round
        self.expanded: dict[Any, Any] = {}  # expansions of the changes since older cursors
        self.failed: set[QueryKey] = set()  # live queries that could not be read; the reason is logged
        self.errors: dict[QueryKey, ClientError] = {}  # why some of them are refused, for their subscribers
        self.careful: set[QueryKey] = set()  # live queries in which a row has failed in the database
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

    def guarded(self, query: LiveQuery, read: Any, *args: Any) -> Any:
        """Call a method of a live query; a failure ends only this live query."""
        self.touched.add(query)
        begun = time.perf_counter()
        try:
            with self.reading(query.key), applied(query.key):
                return query.planner.read_watched(read, *args)
        except (GivenUp, ReadsAudience):
            raise
        except NeedsCare:
            self.careful.add(query.key)
            query.reader.careful = True
            raise
        except ValidationError as error:  # of get_queryset: parameters that it does not take
            self.failed.add(query.key)
            self.errors[query.key] = refused_choice(query.key.stream, error)
            return None
        except TooManyRows as error:
            text = "The live query %s %s has more than %d rows, the limit `rows` of REALTIME_LIMITS; it is refused."
            query.key.say(logger.error, text, error.most)
            self.failed.add(query.key)
            self.errors[query.key] = error
            return None
        except Exception as error:
            query.key.say(logger.exception, "The live query %s %s cannot be read.")
            self.failed.add(query.key)
            if isinstance(error, DatabaseError):
                raise QueryFailed(query.key, error) from error
            return None
        finally:
            query.seconds += time.perf_counter() - begun

    @property
    def seconds(self) -> Mapping[QueryKey, float]:
        """How long each live query was read, in a round that has ended."""
        return self._seconds

    @property
    def must_hand_out(self) -> bool:
        """Whether it is time to hand out what has been read."""
        return self._hand_out is not None and time.monotonic() >= self._next_early

    def hand_out(self, tick: Tick, left: Collection[int]) -> None:
        """Hand out the deltas of a part of the tick; `left` are the live queries that are still to be read."""
        if self._hand_out is not None:
            self._has_handed_out = True
            self._hand_out(tick, left)
        self._next_early = time.monotonic() + EARLY_SECONDS

    def start(self) -> None:
        """Start to read everything, perhaps again after a part of it has failed."""
        if self._has_handed_out and self._hand_out is not None:
            self._hand_out(None, ())

    def keep_to_itself(self) -> None:
        """Hand out nothing more before the end."""
        self._hand_out = None

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
