"""FamilyReader: reads the changed rows of similar live queries together."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db import DatabaseError

from realtime.queries.broken_rows import NeedsCare
from realtime.queries.family import Families, Family, Found, SharedRows
from realtime.queries.livequery import FEW_ROWS, LiveQuery
from realtime.queries.membership import ALL_ROWS, Changed
from realtime.queries.probe import ReadsAudience, differs_in_audience_alone, may_be_for_all
from realtime.queries.round import GivenUp, Round, applied
from realtime.queries.router import Router

logger = logging.getLogger("realtime.log")

APART_SECONDS = 60.0  # for which live queries are read one by one, after reading them together took too long


class FamilyReader:
    """Reads the changed rows of each family with one statement, and renders a row once for all who see it alike."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._reading: Family | None = None

    def read(self, routed: Mapping[LiveQuery, Changed], round: Round) -> Iterator[Collection[LiveQuery]]:
        """Read the changed rows of similar live queries together; yield these live queries as they have been read."""
        wanted: defaultdict[Families, dict[LiveQuery, Collection[str]]] = defaultdict(dict)
        for query, changed in routed.items():
            if changed is not ALL_ROWS and len(changed) <= FEW_ROWS and query.asks_of_rows:
                wanted[self._router.index(query).families][query] = changed
        for families, queries in wanted.items():
            for family, some in _together(families, queries, round).items():
                yield from self._look_up(family, some, round)

    def pause_abandoned(self) -> None:
        """Let the live queries that an abandoned round was reading together be read one by one for a while."""
        family, self._reading = self._reading, None
        if family is None:
            return
        family.pause(APART_SECONDS)
        logger.warning(
            "Live queries of the stream %s take longer to read together than one may; "
            "they are read one by one for %g s.",
            family.stream,
            APART_SECONDS,
            extra={"stream": family.stream},
        )

    def _look_up(
        self, family: Family, queries: Mapping[LiveQuery, Collection[str]], round: Round
    ) -> Iterator[Collection[LiveQuery]]:
        """Read the changed rows of a family; yield its live queries as they have been read, until one fails."""
        first = next(iter(queries))
        instances: dict[Any, Any] = {}
        shared = SharedRows()
        for some in family.portions(queries):
            try:
                with applied(first.key):
                    _take_rows(self._read_portion(family, some, instances, round), some, shared, round)
            except (GivenUp, ReadsAudience):
                raise
            except Exception as error:
                self._reading = None
                family.pause()
                if isinstance(error, DatabaseError | NeedsCare):  # the transaction is aborted
                    raise NeedsCare from error
                return
            if not may_be_for_all(type(first.stream)):
                for query in some:
                    query.planner.check_sharing()
            yield some

    def _read_portion(
        self, family: Family, queries: Mapping[LiveQuery, Collection[str]], instances: dict[Any, Any], round: Round
    ) -> dict[LiveQuery, Found]:
        """Read the changed rows of these live queries; each bears the same part of the time."""
        begun = time.perf_counter()
        self._reading = family
        with round.reading(*(query.key for query in queries)):
            found = family.read(queries, instances)
        self._reading = None
        each = (time.perf_counter() - begun) / len(queries)
        for query in queries:
            query.seconds += each
        return found


def _together(
    families: Families, queries: Mapping[LiveQuery, Collection[str]], round: Round
) -> Mapping[Family, Mapping[LiveQuery, Collection[str]]]:
    """Return these live queries, and their changed keys, by family; without those that have none."""
    found: defaultdict[Family, dict[LiveQuery, Collection[str]]] = defaultdict(dict)
    alike: defaultdict[Any, list[LiveQuery]] = defaultdict(list)
    for query in queries:
        alike[query.key.params, query.key.surroundings].append(query)
    for first, *others in alike.values():
        is_for_all = bool(others) and round.guarded(first, first.planner.ask_for_all)
        family = None if first.key in round.failed else round.guarded(first, families.of, first)
        if family is not None:
            found[family][first] = queries[first]
        for other in others:  # most of the work for a row that many see, so nothing is done twice
            is_alike = is_for_all and (
                (other.planner.plan is first.planner.plan and other.planner.keeps_plan)
                or differs_in_audience_alone(other.stream, first.stream)
            )
            if is_alike and other.planner.ask_like(first.planner):
                round.touched.add(other)
                own = family
            else:
                own = round.guarded(other, families.of, other)
            if own is not None:
                found[own][other] = queries[other]
    return found


def _take_rows(
    found: Mapping[LiveQuery, Found], changed: Mapping[LiveQuery, Collection[str]], shared: SharedRows, round: Round
) -> None:
    """Give live queries the rows that were read, rendered once for all who see them alike."""
    for query, rows in found.items():
        looked_up = shared.find(query, changed[query], rows)
        if looked_up is None:
            begun = time.perf_counter()
            with round.reading(query.key):
                looked_up = shared.render(query, changed[query], rows)
            query.seconds += time.perf_counter() - begun
        query.take(looked_up)
