"""Make, drop or check the triggers of REALTIME_CAPTURE = "triggers". `migrate` makes them by itself."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from realtime.capture import triggers


class Command(BaseCommand):
    help = "Install, remove or check the triggers by which changes are captured."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias of the database.")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--install", action="store_true", help="Make the triggers those that the streams need.")
        what.add_argument("--remove", action="store_true", help="Drop all of realtime's triggers.")
        what.add_argument("--check", action="store_true", help="Fail where triggers are missing or left over.")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if options["install"]:
            self.stdout.write(f"{triggers.install(alias)} triggers made or dropped.")
        elif options["remove"]:
            self.stdout.write(f"{triggers.remove(alias)} triggers dropped.")
        elif tables := triggers.out_of_step(alias):
            raise CommandError(
                f"The triggers are missing, left over or out of date on: {', '.join(tables)}. "
                "Run `manage.py realtime_triggers --install`."
            )
        else:
            self.stdout.write("All triggers are in step.")
