"""Triggers on MySQL and MariaDB, which do not fire for TRUNCATE, nor for what a foreign key does by itself."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.capture.triggers.base import PREFIX
from realtime.capture.triggers.expressions import Expressions
from realtime.capture.triggers.rowwise import RowTriggers


class MySQLExpressions(Expressions):
    """The SQL of MySQL and MariaDB; only later releases of MariaDB have a type for UUIDs."""

    def join(self, parts: Sequence[str]) -> str:
        return f"CONCAT({', '.join(parts)})"

    def differ(self, one: str, other: str) -> str:
        return f"NOT ({one} <=> {other})"

    def escaped(self, text: str) -> str:
        return f"JSON_QUOTE({text})"

    def integer(self, sql: str) -> str:
        return f"CAST({sql} AS CHAR)"

    def uuid(self, sql: str) -> str:
        native = self.connection.features.has_native_uuid_field
        return f"CAST({sql} AS CHAR)" if native else self.uuid_of_digits(sql)

    def date(self, sql: str) -> str:
        return f"CAST({sql} AS CHAR)"


class MySQLTriggers(RowTriggers):
    """The triggers of one MySQL or MariaDB database."""

    expressions_class = MySQLExpressions

    def present(self) -> dict[str, str]:
        return dict(
            self.fetch(
                "SELECT trigger_name, event_object_table FROM information_schema.triggers"
                f" WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, {len(PREFIX)}) = '{PREFIX}'"
            )
        )
