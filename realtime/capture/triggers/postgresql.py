"""Triggers on PostgreSQL: one for each statement, which reads all its rows from transition tables.

See "CREATE TRIGGER" in PostgreSQL's manual. The function runs with the rights of whoever installed it, so that a
program that may write to the table needs none for the log; hence the fixed `search_path`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE
from realtime.capture.tracking import Table
from realtime.capture.triggers.base import PREFIX, Trigger, Triggers
from realtime.capture.triggers.expressions import Expressions
from realtime.wakeups import POSTGRESQL_CHANNEL

REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}


class PostgreSQLExpressions(Expressions):
    """The SQL of PostgreSQL."""

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
                    f"CREATE FUNCTION {self.quote(name)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
                    f" SET search_path = {self._search_path()} AS $realtime$\n{body}\n$realtime$;\n"
                    f"CREATE TRIGGER {self.quote(name)} AFTER {event} ON {self.quote(table.name)} {referencing}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {self.quote(name)}()",
                )
            )
        return found

    def _body(self, table: Table, event: str) -> Iterator[str]:
        everything = [self.reread(label) for label in sorted(table.labels)]
        notify = f"PERFORM pg_notify('{POSTGRESQL_CHANNEL}', '');"
        if event == "TRUNCATE":
            yield from ("BEGIN", *everything, notify, "RETURN NULL;", "END")
            return
        rows = "old_rows" if event == "DELETE" else "new_rows"
        yield "DECLARE number integer; told integer;"
        yield "BEGIN"
        yield f"SELECT count(*) INTO number FROM (SELECT FROM {rows} LIMIT {MAX_ROWS + 1}) few;"
        yield "IF number = 0 THEN RETURN NULL; END IF;"
        yield f"IF number > {MAX_ROWS} THEN"
        yield from everything
        yield "ELSE"
        yield from self._changes(table, event, rows)
        yield "END IF;"
        yield notify
        yield "RETURN NULL;"
        yield "END"

    def _changes(self, table: Table, event: str, rows: str) -> Iterator[str]:
        rereads = self.rereads(table)
        for label in rereads:
            yield self.reread(label)
        operation = {"INSERT": INSERT, "UPDATE": UPDATE, "DELETE": DELETE}[event]
        key = self.sql.key(table.keys, "n")
        for own in table.own:
            if own.label in rereads:
                continue
            if event != "UPDATE":
                routing = self.sql.routing(table.model, own.routing, "n")
                yield self.insert(f"{self.change(own.label, key, operation, routing)} FROM {rows} n")
                continue
            same = " AND ".join(f"o.{name} = n.{name}" for name in (self.quote(k.field.column) for k in table.keys))
            changed = self.sql.routing(table.model, own.routing, "n", "o")
            yield self.insert(
                f"{self.change(own.label, key, operation, changed)} FROM new_rows n JOIN old_rows o ON {same}"
            )
            yield "GET DIAGNOSTICS told = ROW_COUNT;"
            yield "IF told < number THEN"  # some rows have another key now
            for here, there in (("new_rows", "old_rows"), ("old_rows", "new_rows")):
                routing = self.sql.routing(table.model, own.routing, "n")
                yield self.insert(
                    f"{self.change(own.label, key, operation, routing)} FROM {here} n"
                    f" WHERE NOT EXISTS (SELECT FROM {there} o WHERE {same})"
                )
            yield "END IF;"
        for link in table.links:
            if link.label not in rereads:
                names = ["old_rows", "new_rows"] if event == "UPDATE" else [rows]
                linked = " UNION ".join(f"SELECT {self.sql.cell(link.column, name)} FROM {name}" for name in names)
                yield self.insert(self.link_changes(link, f"{{}} IN ({linked})"))

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
