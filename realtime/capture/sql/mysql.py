"""SQL expressions of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from realtime.capture.sql.expressions import Cells, Expressions
from realtime.capture.tables import Column


class MySQLExpressions(Expressions):
    """Expressions of MySQL and MariaDB; only newer releases of MariaDB have a UUID type."""

    def _cell_or_parent_cell(self, model: Any, column: Column, row: Cells) -> str | None:
        # reading the parent's row within a writing statement would lock it
        return self.cell(column, row) if column.field.model._meta.concrete_model is model else None

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
