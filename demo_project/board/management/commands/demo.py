"""`manage.py demo`: prepare the database and serve the board with daphne."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from demo_project.board.seeds import PEOPLE, SUPERUSER, seed
from demo_project.chat.seeds import seed as seed_chat
from demo_project.showcase.seeds import seed as seed_showcase

HOST = "127.0.0.1"
DEFAULT_PORT = "8000"


class Command(BaseCommand):
    help = "Makes the demo's database where there is none, prints address and logins, and serves the board."

    def handle(self, **options: Any) -> None:
        port = read_port(os.environ.get("PORT") or DEFAULT_PORT)
        check_free(port)
        database = Path(settings.DATABASES["default"]["NAME"])
        if not database.parent.is_dir():
            raise CommandError(
                f"The folder of DEMO_DB, {database.parent}, does not exist. Make it, or name another file."
            )

        call_command("migrate", verbosity=0, interactive=False)
        seed()
        seed_chat()
        seed_showcase()
        self.stdout.write(banner(port, database))
        self.stdout.flush()
        serve(port, database)


def read_port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise CommandError(f"PORT is {text!r}, which is not a port. Give a number from 1 to 65535.")


def check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"The port {port} of {HOST} cannot be used ({error.strerror}). Choose another one: "
                f"PORT={port + 1 if port < 65535 else 8000} make demo"
            ) from error


def banner(port: int, database: Path) -> str:
    logins = "\n".join(
        f"    {name} / {name}" + ("    (and the admin)" if name == SUPERUSER else "") for name in PEOPLE
    )
    return (
        f"\nTwo browsers side by side, without a login: http://{HOST}:{port}/\n"
        f"Boards, chat and more: http://{HOST}:{port}/projects/ and Django's admin: http://{HOST}:{port}/admin/\n"
        f"Logins (user name / password):\n{logins}\n"
        f"http://localhost:{port}/ has a separate login, for a second user in the same browser.\n"
        f"Database: {database}\nStop with Ctrl-C.\n"
    )


def serve(port: int, database: Path) -> None:
    """Become daphne: signals and the exit code are then its own."""
    os.environ["DEMO_DB"] = str(database)
    os.environ.setdefault("DEMO_PLAYER", "1")
    os.chdir(settings.BASE_DIR)
    arguments = ["-m", "daphne", "-v", "0", "-b", HOST, "-p", str(port), "demo_project.asgi:application"]
    os.execv(sys.executable, [sys.executable, *arguments])
