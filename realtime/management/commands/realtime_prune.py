"""`manage.py realtime_prune`: deletes old changes, jobs, notifications and markers, where no server does it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

from realtime.hub.pruning import prune


class Command(BaseCommand):
    help = "Delete changes older than REALTIME_RETENTION_SECONDS, and old jobs, notifications and read markers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias of the database.")
        parser.add_argument("--older-than", type=float, help="Seconds; overrides REALTIME_RETENTION_SECONDS.")

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = prune(options["database"], options["older_than"])
        for what, number in deleted.items():
            if number or what == "changes":
                self.stdout.write(f"{number} {what} deleted.")
