"""Own rows: whether an authorization check has read only the user's own rows of a table.

If so, another user's row cannot change the answer, and needs no new check. Statements are parsed as they are sent, and
only SELECTs of the simplest form prove anything:

    SELECT 1 AS "a" FROM "project" INNER JOIN "membership" ON ("project"."id" = "membership"."project_id")
    WHERE ("project"."id" = %s AND "membership"."user_id" = %s) LIMIT 1

A statement of any other form voids the proof for all checks of this user.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from django.apps import apps

from realtime.auth.revocation import user_columns
from realtime.auth.statements import watch_statements
from realtime.streams.validation import problems

NAME = r'(?:"\w+"|`\w+`)'
TABLE = rf"({NAME})(?: (T\d+|{NAME}))?"
COLUMN = rf"(?:T\d+|{NAME})\.{NAME}"
JOIN = re.compile(rf" INNER JOIN {TABLE} ON \(({COLUMN}) = ({COLUMN})\)")
SELECT = re.compile(
    rf"SELECT ((?:[^()]|COUNT\([^()]*\))*?) FROM {TABLE}((?: INNER JOIN [^()]*? ON \([^()]*\))*) WHERE (.*?)"  # noqa: S608 - a pattern
    r"(?: ORDER BY [^()]*?)?(?: LIMIT \d+)?"
)
OWN = re.compile(rf"({COLUMN}) = %s")
CONDITION = re.compile(rf"(?:NOT )?{COLUMN}|{COLUMN} (?:(?:[<>]=?|=) %s|IN \(%s(?:, %s)*\)|IS (?:NOT )?NULL)")
OTHER_FORM = re.compile(r"\b(?:SELECT|UNION|INTERSECT|EXCEPT|GROUP|HAVING|OR)\b|%%|--|/\*|;", re.IGNORECASE)


class OwnRows:
    """What the statements that check one user's access prove."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._read: defaultdict[str, list[set[str]]] = defaultdict(list)
        """By table, for each time that it was read, the columns that were equal to the user's key."""
        self._is_void = False

    def watch(self) -> AbstractContextManager[None]:
        """Parse the statements that this thread sends in this context."""
        return watch_statements(self._execute)

    def prove(self, columns: Mapping[str, frozenset[str]]) -> bool:
        """Return whether each of these tables was read, and each time with one of these columns as a condition."""
        return not self._is_void and all(
            table in self._read and all(not found.isdisjoint(own) for own in self._read[table])
            for table, found in columns.items()
        )

    def _execute(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if many or not isinstance(sql, str) or not self._is_understood(sql, tuple(params or ())):
            self._is_void = True
        return execute(sql, params, many, context)

    def _is_understood(self, sql: str, params: tuple[Any, ...]) -> bool:
        found = SELECT.fullmatch(sql)
        if found is None or OTHER_FORM.search(sql, len("SELECT")):
            return False
        columns, table, alias, joined, where = found.groups()
        tables, equal = {alias or table: table}, list[set[str]]()
        for table, alias, left, right in JOIN.findall(joined):
            tables[alias or table] = table
            equal.append({left, right})
        if JOIN.sub("", joined) or not {name[1:-1] for name in tables.values()} <= _tables():
            return False

        own, number = set[str](), columns.count("%s")
        for condition in (where[1:-1] if where[0] == "(" else where).split(" AND "):
            if not CONDITION.fullmatch(condition):
                return False
            if (column := OWN.fullmatch(condition)) and str(params[number]) == self._key:
                own.add(column[1])
            number += condition.count("%s")
        for _ in equal:  # a column joined to the user's key equals it too
            own.update(*(pair for pair in equal if pair & own))
        for alias, table in tables.items():
            self._read[table[1:-1]].append(
                {name[1:-1] for start, _, name in (column.rpartition(".") for column in own) if start == alias}
            )
        return True


@cache
def _tables() -> frozenset[str]:
    """Return the tables of managed models; another name may be a view, which reads other tables."""
    models = apps.get_models(include_auto_created=True)
    return frozenset(model._meta.db_table for model in models if model._meta.managed)


@cache
def own_columns(stream: Any) -> Mapping[str, frozenset[str]] | None:
    """Return the tables that access to the stream depends on, with their user columns; None if a table has none."""
    if any(problems(stream)):
        return None
    found = {}
    for model, field in stream.authorize_grounds():
        if not field:
            columns = user_columns(model)
            if not columns:
                return None
            found[model._meta.db_table] = frozenset(columns)
    return found or None
