"""Triggers on PostgreSQL: one for each kind of statement, which reads all rows from transition tables.

See "CREATE TRIGGER" in PostgreSQL's manual. The functions are SECURITY DEFINER, so a program that writes to the table
needs no rights for the log. That requires a fixed `search_path`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE
from realtime.capture.sql.postgresql import PostgreSQLLogSQL
from realtime.capture.tables import Table
from realtime.capture.triggers.base import PREFIX, Trigger, Triggers
from realtime.changelog.postgresql import POSTGRESQL_CHANNEL

REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS realtime_new",
    "UPDATE": "REFERENCING OLD TABLE AS realtime_old NEW TABLE AS realtime_new",
    "DELETE": "REFERENCING OLD TABLE AS realtime_old",
    "TRUNCATE": "",
}


EVENTS = {
    "INSERT": (INSERT, "realtime_new", None),
    "UPDATE": (UPDATE, "realtime_new", "realtime_old"),
    "DELETE": (DELETE, "realtime_old", None),
}


class PostgreSQLTriggers(Triggers):
    """The triggers of one PostgreSQL database, each with a function of the same name."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self.log: PostgreSQLLogSQL = PostgreSQLLogSQL(alias)

    def triggers_of(self, table: Table) -> Sequence[Trigger]:
        found = []
        for event, referencing in REFERENCING.items():
            body = "\n".join(self._body(table, event))
            name = self.trigger_name(table, event[0].lower(), f"{referencing}{body}")
            found.append(
                Trigger(
                    name,
                    table.name,
                    f"DROP FUNCTION IF EXISTS {self.quote(name)}() CASCADE;\n"  # of a disabled trigger
                    f"CREATE FUNCTION {self.quote(name)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
                    f" SET search_path = {self._search_path()} AS $realtime$\n{body}\n$realtime$;\n"
                    f"CREATE TRIGGER {self.quote(name)} AFTER {event} ON {self.quote(table.name)} {referencing}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {self.quote(name)}()",
                )
            )
        return found

    def _body(self, table: Table, event: str) -> Iterator[str]:
        everything = [f"{self.log.insert_reread(label)};" for label in sorted(table.labels)]
        notify = f"PERFORM pg_notify('{POSTGRESQL_CHANNEL}', '');"
        if event == "TRUNCATE":
            yield from ("BEGIN", *everything, notify, "RETURN NULL;", "END")
            return
        operation, rows, old = EVENTS[event]
        links = self.log.link_inserts(table, rows, old)
        # a column may have the name of the variable
        yield from ("#variable_conflict use_column", "DECLARE realtime_number integer;", "BEGIN")
        yield f"SELECT count(*) INTO realtime_number FROM (SELECT FROM {rows} LIMIT {MAX_ROWS + 1}) few;"
        yield from (
            "IF realtime_number = 0 THEN RETURN NULL; END IF;",
            f"IF realtime_number > {MAX_ROWS} THEN",
            *everything,
            "ELSE",
        )
        yield from (f"{self.log.insert_reread(label)};" for label in self.log.rereads(table))
        yield from (f"{change};" for change in self.log.own_inserts(table, operation, rows, old))
        if links:  # the cached plan suits one row; for more rows, EXECUTE makes a new plan
            yield from ("IF realtime_number = 1 THEN", *(f"{change};" for change in links))
            yield from ("ELSE", *(f"EXECUTE {self.sql.literal(change)};" for change in links), "END IF;")
        yield from ("END IF;", notify, "RETURN NULL;", "END")

    def _search_path(self) -> str:
        [(schema,)] = self.fetch("SELECT current_schema()")
        return f"pg_catalog, {self.quote(schema)}, pg_temp"

    def tables(self) -> set[str]:
        return super().tables() | self._in_schemas("r", "p")

    def views(self) -> set[str]:
        return super().views() | self._in_schemas("v", "m", "f")

    def without_triggers(self) -> set[str]:
        """Return the foreign tables, whose triggers cannot have transition tables."""
        return {name for (name,) in self.fetch("SELECT relname FROM pg_class WHERE relkind = 'f'")}

    def _in_schemas(self, *kinds: str) -> set[str]:
        """Return names qualified with their schema, as in `db_table = '"archive"."task"'`."""
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        rows = self.fetch(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE c.relkind IN ({listed}) AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {f'"{schema}"."{name}"' for schema, name in rows}

    def existing(self) -> dict[str, str]:
        # functions in another schema belong to another site
        return dict(
            self.fetch(
                "SELECT t.tgname, CASE WHEN c.relnamespace = p.pronamespace THEN c.relname"
                """ ELSE format('"%s"."%s"', n.nspname, c.relname) END"""
                " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_proc p ON p.oid = t.tgfoid"
                f" WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(t.tgname, '{PREFIX}')"
                " AND t.tgenabled = 'O'"
            )
        )

    def drop(self, name: str) -> None:
        self.execute(f"DROP FUNCTION IF EXISTS {self.quote(name)}() CASCADE")  # also drops the trigger
