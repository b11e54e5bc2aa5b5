"""Triggers on PostgreSQL: one for each statement, which reads all its rows from transition tables.

See "CREATE TRIGGER" in PostgreSQL's manual. The function runs with the rights of whoever installed it, so that a
program that may write to the table needs none for the log; hence the fixed `search_path`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE
from realtime.capture.tracking import Table
from realtime.capture.triggers.base import PREFIX, Trigger, Triggers
from realtime.capture.triggers.expressions import Cells, Expressions
from realtime.wakeups.postgresql import POSTGRESQL_CHANNEL

REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}


EVENTS = {
    "INSERT": (INSERT, "new_rows", None),
    "UPDATE": (UPDATE, "new_rows", "old_rows"),
    "DELETE": (DELETE, "old_rows", None),
}


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


class PostgreSQLTriggers(Triggers):
    """The triggers of one PostgreSQL database. Each has a function of the same name."""

    expressions_class = PostgreSQLExpressions

    def of(self, table: Table) -> Sequence[Trigger]:
        found = []
        for event, referencing in REFERENCING.items():
            body = "\n".join(self._body(table, event))
            name = self.named(table, event[0].lower(), f"{referencing}{body}")
            found.append(
                Trigger(
                    name,
                    table.name,
                    f"DROP FUNCTION IF EXISTS {self.quote(name)}() CASCADE;\n"  # of a trigger that somebody disabled
                    f"CREATE FUNCTION {self.quote(name)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
                    f" SET search_path = {self._search_path()} AS $realtime$\n{body}\n$realtime$;\n"
                    f"CREATE TRIGGER {self.quote(name)} AFTER {event} ON {self.quote(table.name)} {referencing}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {self.quote(name)}()",
                )
            )
        return found

    def _body(self, table: Table, event: str) -> Iterator[str]:
        everything = [f"{self.reread(label)};" for label in sorted(table.labels)]
        notify = f"PERFORM pg_notify('{POSTGRESQL_CHANNEL}', '');"
        if event == "TRUNCATE":
            yield from ("BEGIN", *everything, notify, "RETURN NULL;", "END")
            return
        operation, rows, old = EVENTS[event]
        links = self.link_inserts(table, rows, old)
        yield from ("DECLARE number integer;", "BEGIN")
        yield f"SELECT count(*) INTO number FROM (SELECT FROM {rows} LIMIT {MAX_ROWS + 1}) few;"
        yield from ("IF number = 0 THEN RETURN NULL; END IF;", f"IF number > {MAX_ROWS} THEN", *everything, "ELSE")
        yield from (f"{self.reread(label)};" for label in self.rereads(table))
        yield from (f"{change};" for change in self.own_inserts(table, operation, rows, old))
        if links:  # the plan for one row is kept, and is not the one for thousands: EXECUTE makes another
            yield from ("IF number = 1 THEN", *(f"{change};" for change in links))
            yield from ("ELSE", *(f"EXECUTE {self.sql.literal(change)};" for change in links), "END IF;")
        yield from ("END IF;", notify, "RETURN NULL;", "END")

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
                yield self.insert(f"{self.change(own.label, key, operation, routing, table.keys)} FROM {source}")

    def link_inserts(self, table: Table, rows: str, old: str | None = None) -> list[str]:
        """INSERTs into the log of what rows tell of the objects that they link."""
        rereads, found = self.rereads(table), []
        for link in table.links:
            if link.label not in rereads:
                cells = [f"SELECT {self.sql.cell(link.column, name)} FROM {name}" for name in (rows, old) if name]
                found.append(self.insert(self.link_changes(link, f"{{}} IN ({' UNION '.join(cells)})")))
        return found

    def _search_path(self) -> str:
        [(schema,)] = self.fetch("SELECT current_schema()")
        return f"pg_catalog, {self.quote(schema)}, pg_temp"

    def present(self) -> dict[str, str]:
        return dict(
            self.fetch(
                "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                f" WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(t.tgname, '{PREFIX}')"
                " AND t.tgenabled = 'O'"
            )
        )

    def drop(self, name: str, table: str) -> None:
        self.execute(f"DROP FUNCTION IF EXISTS {self.quote(name)}() CASCADE")  # the trigger goes with it
