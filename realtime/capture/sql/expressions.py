"""Expressions: SQL for the texts of keys and values, equal to those that `realtime.streams.keys` makes in Python.

Where SQL cannot make them equal there is None, and the log is told less: that rows are to be read afresh, or that a
change may concern every live query.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from realtime.capture.tables import Column, Routing
from realtime.changelog.base import MAX_KEY

Cells = str | Mapping[str, str]
"""A row: the name that it has in the statement, or the SQL of each of its columns."""

LONGEST_ESCAPE = 6  # characters of JSON for one of text
LONGEST_OTHER = 42  # characters of a number, a UUID or a date, with what is round it

TEXTS = ("CharField", "SlugField", "TextField", "FilePathField")


_LITERAL = re.compile("'(?:[^']|'')*'")


class Joined(str):
    """SQL that joins these parts."""

    parts: Sequence[str]


class Expressions(ABC):
    """SQL of one database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.quote = connection.ops.quote_name

    def key(self, columns: Sequence[Column], row: Cells) -> str | None:
        """The text of a primary key."""
        if len(columns) == 1:
            return self.text(columns[0], self.cell(columns[0], row))
        parts = [self._string(column, self.cell(column, row)) for column in columns]
        if None in parts:
            return None
        pieces = [piece for part in parts for piece in ("','", str(part))]
        return self.concat("'['", *pieces[1:], "']'")

    def may_be_long(self, columns: Sequence[Column]) -> bool:
        """Whether the text of a key made of these may be longer than the log can hold."""
        texts = [column.target for column in columns if column.target.get_internal_type() in TEXTS]
        longest = sum(field.max_length or MAX_KEY + 1 for field in texts)
        if len(columns) > 1:  # each in quotes, with escapes
            longest = LONGEST_ESCAPE * longest + LONGEST_OTHER * len(columns)
        return longest > MAX_KEY

    def routing(
        self, model: Any, routing: Routing, row: Cells, old: Cells | None = None, *, gone: bool = False
    ) -> str:
        """The JSON of the values that route a change: those of the row, and those that it had where they differ.

        `gone` says that the row will not be there to be asked for what is not at hand.
        """
        if routing is None:
            return "NULL"
        if not routing:
            return "'{}'"
        parts, last = ["'{'"], [*routing][-1]
        for name, column in routing.items():
            cell = self._cell_of_family(model, column, row)
            if cell is None:
                if gone:
                    return "NULL"
                parts.append(self.literal(f'{"," if len(parts) > 1 else ""}"{name}":[]{"}" if name == last else ""}'))
                continue
            value = self.json(column, cell)
            if value is None:
                return "NULL"
            parts.append(self.literal(f'{"," if len(parts) > 1 else ""}"{name}":['))
            end = "']}'" if name == last else "']'"
            if old is None:
                parts += [value, end]
                continue
            was = str(self._cell_of_family(model, column, old))
            # what ends the value stands in both cases: so little is joined for a row that stays where it is
            *pieces, quote = value.parts if isinstance(value, Joined) else [value, "''"]
            stayed = self.concat(quote, end)
            moved = self.concat(quote, "','", self.json(column, was) or "'null'", end)
            parts += [*pieces, f"CASE WHEN {self.differ(was, cell)} THEN {moved} ELSE {stayed} END"]
        return self.concat(*parts)

    def cell(self, column: Column, row: Cells) -> str:
        return self._cell(column.field.column, row)

    def _cell(self, column: str, row: Cells) -> str:
        return f"{row}.{self.quote(column)}" if isinstance(row, str) else row[column]

    def _cell_of_family(self, model: Any, column: Column, row: Cells) -> str | None:
        home = column.field.model._meta.concrete_model
        if home is model:
            return self.cell(column, row)
        # multi-table inheritance: the value stands in the parent's row, which has the same key
        name, table, key = (self.quote(n) for n in (column.field.column, home._meta.db_table, home._meta.pk.column))
        return f"(SELECT {name} FROM {table} WHERE {key} = {self._cell(model._meta.pk.column, row)})"

    def text(self, column: Column, sql: str) -> str | None:
        """What `key_text` makes of the value in Python."""
        kind = column.target.get_internal_type()
        if hasattr(column.target, "from_db_value"):  # Python sees another value than the database
            return None
        if kind in TEXTS:
            return sql
        if kind.endswith(("IntegerField", "AutoField")):
            return self.integer(sql)
        if kind == "UUIDField":
            return self.uuid(sql)
        if kind == "DateField":
            return self.date(sql)
        if kind == "BooleanField":
            return f"(CASE WHEN {sql} THEN 'True' WHEN NOT {sql} THEN 'False' END)"
        return None

    def json(self, column: Column, sql: str) -> str | None:
        """The same as JSON: a string, or `null`."""
        string = self._string(column, sql)
        return f"COALESCE({string}, 'null')" if string and column.field.null else string

    def _string(self, column: Column, sql: str) -> str | None:
        text = self.text(column, sql)
        if text is None:
            return None
        needs_escapes = column.target.get_internal_type() in TEXTS
        return self.escaped(text) if needs_escapes else self.concat("'\"'", text, "'\"'")

    def length(self, sql: str) -> str:
        return f"CHAR_LENGTH({sql})"

    @staticmethod
    def literal(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def concat(self, *parts: str) -> str:
        """SQL that joins texts, in as few steps as it takes: the database would join literals anew for each row."""
        flat: list[str] = []
        pieces = (piece for part in parts for piece in (part.parts if isinstance(part, Joined) else [part]))
        for part in pieces:
            if flat and _LITERAL.fullmatch(part) and _LITERAL.fullmatch(flat[-1]):
                flat[-1] = f"{flat[-1][:-1]}{part[1:]}"
            else:
                flat.append(part)
        joined = Joined(self.join(flat))
        joined.parts = flat
        return joined

    def join(self, parts: Sequence[str]) -> str:
        return f"({' || '.join(parts)})"

    @abstractmethod
    def differ(self, one: str, other: str) -> str:
        """Whether two values differ, null being one as well."""

    @abstractmethod
    def escaped(self, text: str) -> str:
        """A text as a JSON string."""

    @abstractmethod
    def integer(self, sql: str) -> str: ...

    @abstractmethod
    def uuid(self, sql: str) -> str: ...

    @abstractmethod
    def date(self, sql: str) -> str: ...

    def uuid_of_digits(self, sql: str) -> str:
        parts = [f"SUBSTR({sql}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
        return self.concat(*[piece for part in parts for piece in ("'-'", part)][1:])
