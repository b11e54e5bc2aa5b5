"""SQL expressions of SQLite."""

from __future__ import annotations

from realtime.capture.sql.expressions import Expressions


class SQLiteExpressions(Expressions):
    """Expressions of SQLite, which stores a UUID as 32 digits and a date as text."""

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
