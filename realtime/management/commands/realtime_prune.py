"""`manage.py realtime_prune`: deletes old changes, jobs, notifications and markers, where no server does it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

from realtime.actions import job_rows, notification_rows, read_markers
from realtime.changelog import get_changelog
from realtime.conf import settings


class Command(BaseCommand):
    help = "Delete changes that are older than REALTIME_RETENTION_SECONDS, and old jobs, notifications and markers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias of the database.")
        parser.add_argument("--older-than", type=float, help="Seconds; overrides REALTIME_RETENTION_SECONDS.")

    def handle(self, *args: Any, **options: Any) -> None:
        older_than = options["older_than"]
        if older_than is None:
            older_than = settings.RETENTION_SECONDS
        count = get_changelog(options["database"]).prune(older_than=older_than)
        self.stdout.write(f"{count} changes deleted.")
        if jobs := job_rows.prune(options["database"]):
            self.stdout.write(f"{jobs} jobs deleted.")
        if notifications := notification_rows.prune(options["database"]):
            self.stdout.write(f"{notifications} notifications deleted.")
        if markers := read_markers.prune(options["database"]):
            self.stdout.write(f"{markers} read markers deleted.")
