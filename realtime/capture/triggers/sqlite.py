"""Triggers on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.tables import Link
from realtime.capture.triggers.base import PREFIX, RowTriggers


class SQLiteTriggers(RowTriggers):
    """The triggers of one SQLite file."""

    def insert_if(self, condition: str, values: str) -> Iterator[str]:
        yield self.log.insert_select(values, f"(SELECT 1) one WHERE {condition}")

    def insert_links(self, link: Link, rows: Sequence[str]) -> Iterator[str]:
        yield self.log.insert_links(link, f"{{}} IN ({', '.join(self.sql.cell(link.column, row) for row in rows)})")

    def without_triggers(self) -> set[str]:
        """Return the virtual tables, such as those of FTS5."""
        virtual = "type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE %'"
        return {name for (name,) in self.fetch(f"SELECT name FROM sqlite_master WHERE {virtual}")}

    def existing(self) -> dict[str, str]:
        ours = f"type = 'trigger' AND name GLOB '{PREFIX}*'"
        return dict(self.fetch(f"SELECT name, tbl_name FROM sqlite_master WHERE {ours}"))
