"""SQL expressions of PostgreSQL, and statements that log all rows of a CTE or transition table."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.capture.sql.expressions import Cells, Expressions
from realtime.capture.sql.log import LogSQL
from realtime.capture.tables import Table


class PostgreSQLExpressions(Expressions):
    """Expressions of PostgreSQL."""

    def differ(self, one: str, other: str) -> str:
        return f"{one} IS DISTINCT FROM {other}"

    def escaped(self, text: str) -> str:
        return f"to_json(({text})::text)::text"

    def integer(self, sql: str) -> str:
        return f"{sql}::text"

    def uuid(self, sql: str) -> str:
        return f"{sql}::text"

    def date(self, sql: str) -> str:
        return f"to_char({sql}, 'YYYY-MM-DD')"  # independent of the writer's DateStyle


class PostgreSQLLogSQL(LogSQL):
    """Builds statements for the log of a PostgreSQL database that log many rows at once."""

    def own_inserts(self, table: Table, operation: str, rows: str, old: str | None = None) -> Iterator[str]:
        """Yield INSERTs of the changes of `rows`; `old` is the table of the same rows before."""
        key, source = self.sql.key(table.keys, "n"), f"{rows} n"
        if old:  # a row whose key has changed is logged under both keys
            names = [self.quote(part.field.column) for part in table.keys]
            source += f" FULL JOIN {old} o ON {' AND '.join(f'o.{name} = n.{name}' for name in names)}"
            # as they are stored, so for columns of any type
            source += " WHERE record_image_eq(ROW(n.*), ROW(o.*)) IS NOT TRUE"
            key = f"COALESCE({key}, {self.sql.key(table.keys, 'o')})"
        return self.inserts_of(table, operation, str(key), source, "o" if old else None)

    def inserts_of(self, table: Table, operation: str, key: str, source: str, old: Cells | None) -> Iterator[str]:
        """Yield INSERTs of the changes of the rows `n` of a source; `old` is the same row before."""
        rereads = self.rereads(table)
        for own in table.own:
            if own.label not in rereads:
                routing = self.sql.routing(table.model, own.routing, "n", old)
                yield self.insert_select(self.values(own.label, key, operation, routing, table.keys), source)

    def link_inserts(self, table: Table, rows: str, old: str | None = None) -> list[str]:
        """Return INSERTs of the changes of the objects that the rows link, now or before."""
        rereads, found = self.rereads(table), []
        for link in table.links:
            if link.label not in rereads:
                cells = [f"SELECT {self.sql.cell(link.column, name)} FROM {name}" for name in (rows, old) if name]
                found.append(self.insert_links(link, f"{{}} IN ({' UNION '.join(cells)})"))
        return found
