"""Install, remove or check the triggers of REALTIME_CAPTURE = "triggers". `migrate` installs them too."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from realtime.capture import triggers


class Command(BaseCommand):
    help = "Install, remove or check the database triggers that capture changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias of the database.")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--install", action="store_true", help="Create missing triggers, and drop stale ones.")
        what.add_argument("--remove", action="store_true", help="Drop all of realtime's triggers.")
        what.add_argument("--check", action="store_true", help="Fail if triggers are missing or stale.")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if options["install"]:
            self.stdout.write(f"{triggers.install(alias)} triggers created or dropped.")
        elif options["remove"]:
            self.stdout.write(f"{triggers.remove(alias)} triggers dropped.")
        elif tables := triggers.outdated_tables(alias):
            raise CommandError(
                f"Triggers are missing, stale or out of date on: {', '.join(tables)}. "
                "Run `manage.py realtime_triggers --install`."
            )
        elif lacking := triggers.unsupported_tables(alias):
            raise CommandError(
                "These tables cannot have triggers, because they are views, virtual or foreign, or in another schema: "
                f"{', '.join(sorted(table.name for table in lacking))}. Name the models of the tables below a view in "
                "`rows_depend_on` of its stream."
            )
        else:
            self.stdout.write("All triggers are up to date.")
