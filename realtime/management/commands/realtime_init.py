"""`manage.py realtime_init`: makes the changes to a project's files that realtime needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.management.init.project import Project


class Command(BaseCommand):
    help = (
        "Show the changes that realtime needs in the settings, the ASGI application, the URLs and the requirements of "
        "this project, and make them after a confirmation. Run it in the folder of manage.py. If `realtime` is not "
        "yet in INSTALLED_APPS, run it as `python -m realtime init`."
    )
    requires_system_checks: list[str] = []  # the setup is not complete yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Make the changes without asking.")
        parser.add_argument("--dry-run", action="store_true", help="Show the changes only.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project(Path.cwd(), os.environ.get("DJANGO_SETTINGS_MODULE", ""), settings)
        if diff := project.diff():
            self.stdout.write(diff)
        if diff and not options["dry_run"]:
            if not options["yes"] and not _agrees():
                self.stdout.write("Nothing was changed.")
                return
            try:
                project.save()
            except OSError as error:
                raise CommandError(f"A file could not be written: {error}") from None
            self.stdout.write("Now run `python manage.py migrate`, then `python manage.py realtime_doctor`.")
        elif not diff and not project.by_hand:
            self.stdout.write("Nothing to change: this project is set up.")
        if project.by_hand:
            raise CommandError("To do by hand:\n" + "\n".join(f"- {each}" for each in project.by_hand))


def _agrees() -> bool:
    try:
        return input("Make these changes? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
