"""`manage.py seed`: fill an empty board."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from demo_project.board.seeds import seed
from demo_project.chat.seeds import seed as seed_chat
from demo_project.showcase.seeds import seed as seed_showcase


class Command(BaseCommand):
    help = "Fills an empty board with people, projects and tasks. A board that has projects is left as it is."

    def handle(self, **options: Any) -> None:
        filled = seed()
        seed_chat()
        seed_showcase()
        if filled:
            self.stdout.write("The board is filled.")
        else:
            self.stdout.write("The board has projects already; nothing is changed.")
