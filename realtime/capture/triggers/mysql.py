"""Triggers on MySQL and MariaDB. TRUNCATE and the cascades of foreign keys do not fire them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.rows import REREAD
from realtime.capture.tables import Link
from realtime.capture.triggers.base import PREFIX, RowTriggers


class MySQLTriggers(RowTriggers):
    """The triggers of one MySQL or MariaDB database."""

    # INSERT … SELECT would hold the log's AUTO-INC lock until the writer's statement ends, even while it waits.
    # See "AUTO_INCREMENT Handling in InnoDB" in MySQL's manual: innodb_autoinc_lock_mode = 1.

    def insert_if(self, condition: str, values: str) -> Iterator[str]:
        yield f"IF {condition} THEN {self.log.insert_one(values)}; END IF"

    def insert_links(self, link: Link, rows: Sequence[str]) -> Iterator[str]:
        if not link.column.field.target_field.primary_key:  # finding the object would lock its row
            yield self.log.insert_one(self.log.values(link.label, "''", REREAD, "NULL"))
            return
        for row in rows:
            is_link = f"{self.sql.cell(link.column, row)} IS NOT NULL"
            yield from self.insert_if(is_link, self.log.link_values(link, row))

    def existing(self) -> dict[str, str]:
        return dict(
            self.fetch(
                "SELECT trigger_name, event_object_table FROM information_schema.triggers"
                f" WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, {len(PREFIX)}) = '{PREFIX}'"
            )
        )
