"""Expressions: SQL for the texts of keys and values, equal to those of `realtime.streams.keys` in Python.

If SQL cannot produce the same text, a method returns None. The log entry then reloads the model, or concerns every
live query.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from realtime.capture.tables import Column, Routing
from realtime.changelog.base import MAX_KEY

Cells = str | Mapping[str, str]
"""A row: its alias in the statement, or the SQL of each of its columns."""

LONGEST_ESCAPE = 6  # characters of JSON for one character of text
LONGEST_OTHER = 42  # characters of a number, UUID or date, with quotes and comma

TEXTS = ("CharField", "SlugField", "TextField", "FilePathField")


_LITERAL = re.compile("'(?:[^']|'')*'")


class Joined(str):
    """SQL that concatenates `parts`."""

    parts: Sequence[str]


class Expressions(ABC):
    """Expressions of one database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.quote = connection.ops.quote_name

    def key(self, columns: Sequence[Column], row: Cells) -> str | None:
        """Return SQL for the text of a primary key, or None."""
        if len(columns) == 1:
            return self.text(columns[0], self.cell(columns[0], row))
        parts = [self._string(column, self.cell(column, row)) for column in columns]
        if None in parts:
            return None
        pieces = [piece for part in parts for piece in ("','", str(part))]
        return self.concat("'['", *pieces[1:], "']'")

    def may_be_long(self, columns: Sequence[Column]) -> bool:
        """Return whether the text of a key of these columns may be longer than the log allows."""
        texts = [column.target for column in columns if column.target.get_internal_type() in TEXTS]
        longest = sum(field.max_length or MAX_KEY + 1 for field in texts)
        if len(columns) > 1:  # each in quotes, with escapes
            longest = LONGEST_ESCAPE * longest + LONGEST_OTHER * len(columns)
        return longest > MAX_KEY

    def routing(
        self, model: Any, routing: Routing, row: Cells, old: Cells | None = None, *, deleted: bool = False
    ) -> str:
        """Return SQL for the JSON of the values that route a change: the row's, and its old ones where they differ.

        `deleted` means that the row no longer exists, so no value can be read from it later.
        """
        if routing is None:
            return "NULL"
        if not routing:
            return "'{}'"
        parts, last = ["'{'"], [*routing][-1]
        for name, column in routing.items():
            cell = self._cell_or_parent_cell(model, column, row)
            if cell is None:
                if deleted:
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
            old_cell = str(self._cell_or_parent_cell(model, column, old))
            # both branches include the end of the value, so a row that has not moved needs few concatenations
            *pieces, quote = value.parts if isinstance(value, Joined) else [value, "''"]
            stayed = self.concat(quote, end)
            moved = self.concat(quote, "','", self.json(column, old_cell) or "'null'", end)
            parts += [*pieces, f"CASE WHEN {self.differ(old_cell, cell)} THEN {moved} ELSE {stayed} END"]
        return self.concat(*parts)

    def cell(self, column: Column, row: Cells) -> str:
        return self._cell(column.field.column, row)

    def _cell(self, column: str, row: Cells) -> str:
        return f"{row}.{self.quote(column)}" if isinstance(row, str) else row[column]

    def _cell_or_parent_cell(self, model: Any, column: Column, row: Cells) -> str | None:
        home = column.field.model._meta.concrete_model
        if home is model:
            return self.cell(column, row)
        # multi-table inheritance: the value is in the parent's row, which has the same key
        names = column.field.column, home._meta.db_table, home._meta.pk.column
        name, table, key = map(self.quote, names)
        # `p` hides the table's own name, which may be the alias of the row
        return f"(SELECT p.{name} FROM {table} p WHERE p.{key} = {self._cell(model._meta.pk.column, row)})"

    def text(self, column: Column, sql: str) -> str | None:
        """Return SQL for the text that `key_text` makes of the value in Python, or None."""
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
        """Return SQL for the value's text as JSON (a string or `null`), or None."""
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
        """Return SQL that concatenates texts, with adjacent literals merged to save work for each row."""
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
        """Return SQL for whether two values differ, where NULL is a value."""

    @abstractmethod
    def escaped(self, text: str) -> str:
        """Return SQL for a text as a JSON string."""

    @abstractmethod
    def integer(self, sql: str) -> str: ...

    @abstractmethod
    def uuid(self, sql: str) -> str: ...

    @abstractmethod
    def date(self, sql: str) -> str: ...

    def uuid_of_digits(self, sql: str) -> str:
        parts = [f"SUBSTR({sql}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
        return self.concat(*[piece for part in parts for piece in ("'-'", part)][1:])
