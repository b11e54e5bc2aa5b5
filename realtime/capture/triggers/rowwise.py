"""Row triggers, as SQLite and MySQL have them: three for each table, which see one row at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.rows import DELETE, INSERT, UPDATE
from realtime.capture.tracking import Table
from realtime.capture.triggers.base import Trigger, Triggers

EVENTS = ((INSERT, "INSERT", "NEW", None), (UPDATE, "UPDATE", "NEW", "OLD"), (DELETE, "DELETE", "OLD", None))


class RowTriggers(Triggers):
    """Row triggers. They cannot see how many rows a statement writes, and tell each."""

    def of(self, table: Table) -> Sequence[Trigger]:
        found = []
        for operation, event, row, old in EVENTS:
            statements = "\n".join(f"{statement};" for statement in self._statements(table, operation, row, old))
            timing = f"AFTER {event} ON {self.quote(table.name)} FOR EACH ROW\nBEGIN\n{statements}\nEND"
            name = self.named(table, operation, timing)
            found.append(Trigger(name, table.name, f"CREATE TRIGGER {self.quote(name)} {timing}"))
        return found

    def _statements(self, table: Table, operation: str, row: str, old: str | None) -> Iterator[str]:
        rereads = self.rereads(table)
        for label in rereads:
            yield self.reread(label)
        key = self.sql.key(table.keys, row)
        for own in table.own:
            if own.label in rereads:
                continue
            routing = self.sql.routing(table.model, own.routing, row, old)
            yield self.insert(self.change(own.label, key, operation, routing, table.keys))
            if old is not None:  # a key that is no more
                gone = self.sql.key(table.keys, old)
                routing = self.sql.routing(table.model, own.routing, old)
                change = self.change(own.label, gone, operation, routing, table.keys)
                yield self.insert(f"{change} FROM (SELECT 1) one WHERE {gone} <> {key}")
        for link in table.links:
            if link.label not in rereads:
                rows = ", ".join(self.sql.cell(link.column, name) for name in (row, old) if name)
                yield self.insert(self.link_changes(link, f"{{}} IN ({rows})"))

    def drop(self, name: str, table: str) -> None:
        self.execute(f"DROP TRIGGER IF EXISTS {self.quote(name)}")
