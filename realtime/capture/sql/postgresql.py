"""Expressions of PostgreSQL, and the statements that log the rows of a whole table expression."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.capture.sql.expressions import Cells, Expressions
from realtime.capture.sql.log import LogSQL
from realtime.capture.tables import Table


class PostgreSQLExpressions(Expressions):
    """The SQL of PostgreSQL."""

    def differ(self, one: str, other: str) -> str:
        return f"{one} IS DISTINCT FROM {other}"

    def escaped(self, text: str) -> str:
        return f"to_json(({text})::text)::text"

    def integer(self, sql: str) -> str:
        return f"{sql}::text"

    def uuid(self, sql: str) -> str:
        return f"{sql}::text"

    def date(self, sql: str) -> str:
        return f"to_char({sql}, 'YYYY-MM-DD')"  # whatever DateStyle the writer has


class PostgreSQLLogSQL(LogSQL):
    """SQL of the log of a PostgreSQL database, where a statement logs all rows of a table expression at once."""

    def own_inserts(self, table: Table, operation: str, rows: str, old: str | None = None) -> Iterator[str]:
        """INSERTs into the log of what rows tell of themselves: those of `rows`, which before were those of `old`."""
        key, source = self.sql.key(table.keys, "n"), f"{rows} n"
        if old:  # a row whose key was changed is told under both
            names = [self.quote(part.field.column) for part in table.keys]
            source += f" FULL JOIN {old} o ON {' AND '.join(f'o.{name} = n.{name}' for name in names)}"
            key = f"COALESCE({key}, {self.sql.key(table.keys, 'o')})"
        return self.inserts_of(table, operation, str(key), source, "o" if old else None)

    def inserts_of(self, table: Table, operation: str, key: str, source: str, old: Cells | None) -> Iterator[str]:
        """The same, from a source that has the row `n`, and what it was before, `old`."""
        rereads = self.rereads(table)
        for own in table.own:
            if own.label not in rereads:
                routing = self.sql.routing(table.model, own.routing, "n", old)
                yield self.select(self.values(own.label, key, operation, routing, table.keys), source)

    def link_inserts(self, table: Table, rows: str, old: str | None = None) -> list[str]:
        """INSERTs into the log of what rows tell of the objects that they link."""
        rereads, found = self.rereads(table), []
        for link in table.links:
            if link.label not in rereads:
                cells = [f"SELECT {self.sql.cell(link.column, name)} FROM {name}" for name in (rows, old) if name]
                found.append(self.links(link, f"{{}} IN ({' UNION '.join(cells)})"))
        return found
