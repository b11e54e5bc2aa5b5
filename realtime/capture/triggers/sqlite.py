"""Triggers on SQLite."""

from __future__ import annotations

from realtime.capture.triggers.base import PREFIX
from realtime.capture.triggers.expressions import Expressions
from realtime.capture.triggers.rowwise import RowTriggers


class SQLiteExpressions(Expressions):
    """The SQL of SQLite, where a UUID is 32 digits and a date is text."""

    def differ(self, one: str, other: str) -> str:
        return f"{one} IS NOT {other}"

    def escaped(self, text: str) -> str:
        return f"json_quote({text})"

    def length(self, sql: str) -> str:
        return f"LENGTH({sql})"

    def integer(self, sql: str) -> str:
        return f"CAST({sql} AS TEXT)"

    def uuid(self, sql: str) -> str:
        return self.uuid_of_digits(sql)

    def date(self, sql: str) -> str:
        return sql


class SQLiteTriggers(RowTriggers):
    """The triggers of one SQLite file."""

    expressions_class = SQLiteExpressions

    def present(self) -> dict[str, str]:
        ours = f"type = 'trigger' AND name GLOB '{PREFIX}*'"
        return dict(self.fetch(f"SELECT name, tbl_name FROM sqlite_master WHERE {ours}"))
