"""Audiences: whom the changed rows of one stream are for, and were for, as its `audience_by` says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from django.db.models import QuerySet

from realtime.changelog.base import LoggedChange
from realtime.models import Change
from realtime.queries.row_reader import in_chunks
from realtime.streams.keys import comparable_key, key_names, key_of_values, parse_keys
from realtime.streams.stream import ModelStream

MOST_AUDIENCES = 50_000  # of the changed rows of a tick; reading more costs more than asking all live queries


class Anyone(Enum):
    """Stands for the audiences of a row if they are unknown."""

    ANYONE = "anyone"


ANYONE: Final = Anyone.ANYONE

Audiences = Collection[str] | Anyone
"""The texts of audiences, or `ANYONE`."""


class AudienceReader:
    """Reads the audiences of rows whose own table does not hold them."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self._stream = stream
        self._path = stream.audience_path()
        self._same_key = comparable_key(stream.model)

    def audiences_of(
        self, keys: Collection[str], logged: Mapping[str, Sequence[LoggedChange]]
    ) -> Mapping[str, Audiences]:
        """Return the audiences of these rows at present, with those that links named before; `ANYONE` if unknown."""
        former = self._former(logged)
        found = ANYONE if former is ANYONE else self._present(keys)
        if former is ANYONE or found is ANYONE:
            return dict.fromkeys(keys, ANYONE)
        return {key: found[key] | former[key] for key in keys}

    def _present(self, keys: Collection[str]) -> defaultdict[str, set[str]] | Anyone:
        model, lookup = self._stream.model, self._path.lookup
        names = key_names(model)
        rows: QuerySet[Any] = QuerySet(model, using=self._stream.database())  # a manager may hide rows
        parsed = parse_keys(model, sorted(keys))
        texts: defaultdict[Any, set[str]] = defaultdict(set)
        left = MOST_AUDIENCES
        for chunk in in_chunks(parsed):
            pairs = rows.filter(pk__in=chunk).order_by().values_list(*names, lookup)[: left + 1]
            left -= len(pairs)
            if left < 0:
                return ANYONE
            for *key, audience in pairs:
                if audience is not None:
                    texts[tuple(key)].add(self._path.text(audience))
        found: defaultdict[str, set[str]] = defaultdict(set)
        for each, audiences in texts.items():
            found[self._same_key(key_of_values(model, each))] |= audiences
        return found

    def _former(self, logged: Mapping[str, Sequence[LoggedChange]]) -> defaultdict[str, set[str]] | Anyone:
        """Return the audiences of links that were changed or deleted, by the keys of their rows."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        links = self._path.links
        if links is None:
            return found
        for change in logged.get(links.model._meta.label_lower, ()):
            if change.operation == Change.Kind.INSERT:
                continue  # it has ended nothing
            routing = change.routing or {}
            rows, audiences = routing.get(links.row), routing.get(links.audience)
            if rows is None or audiences is None:
                return ANYONE
            if change.operation == Change.Kind.UPDATE and len(rows) + len(audiences) <= 1:
                continue  # both are as they were
            if not rows or not audiences:
                return ANYONE
            for row in rows:
                if row is not None:
                    found[self._same_key(row)].update(self._path.same(each) for each in audiences if each is not None)
        return found
