"""The demo, served by real daphne processes on a database file of its own."""

import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.processes import Process, free_port, run, serves
from tests.support.waiting import seconds

ROOT = Path(__file__).resolve().parents[2]

# The start of a record in daphne's log; lines without a date belong to the one before.
RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} )", re.MULTILINE)

# What a record says only when something went wrong that nobody handled.
TROUBLE = re.compile(r"^Traceback |\b(?:ERROR|CRITICAL)\b|took too long to shut down", re.MULTILINE)

# Django's word about a request that was open when daphne was told to stop.
ABORTED = "django.core.exceptions.RequestAborted"


class Site(NamedTuple):
    """What a server serves."""

    settings: str
    application: str


DEMO = Site("demo_project.settings", "demo_project.asgi:application")


def environment(database: Path, site: Site = DEMO) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REALTIME_"))}
    return {**inherited, "DJANGO_SETTINGS_MODULE": site.settings, "DEMO_DB": str(database)}


def manage(database: Path, *arguments: str, site: Site = DEMO) -> str:
    """Run manage.py in a process of its own on the database file, and return what it prints."""
    done = run([sys.executable, "manage.py", *arguments], env=environment(database, site), cwd=ROOT)
    if done.returncode:
        raise AssertionError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class DemoServer:
    """A daphne process that serves the demo, and the database file below it.

    The processes of a test share nothing with the test but the file: a test writes with `shell`, from a process
    of its own, and reads with `query`.
    """

    def __init__(self, database: Path, *, log: Path, site: Site = DEMO, more: Mapping[str, str] | None = None) -> None:
        self.database = database
        self.log = log
        self.site = site
        self.port = free_port()
        self.expected_trouble: list[str] = []  # a traceback or error with one of these texts is no failure
        self._process = Process(
            [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), site.application],
            log=log,
            ready=lambda: serves(self.port),
            env={**environment(database, site), **(more or {})},
            cwd=ROOT,
            end=signal.SIGINT,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/realtime/ws/"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        """End the server in good order."""
        self._process.stop()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._process.kill()

    def restart(self) -> None:
        """Start the server again on the same port, after ending it in good order where it runs."""
        if self.running:
            self.stop()
        self.start()

    def manage(self, *arguments: str) -> str:
        """Run manage.py in another process on the same database, and return what it prints."""
        return manage(self.database, *arguments, site=self.site)

    def shell(self, code: str) -> str:
        """Run Python code in another process, with Django set up on the same database."""
        return self.manage("shell", "-v", "0", "-c", code)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database itself, past all of Django."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=seconds(10))
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def trouble(self) -> list[str]:
        """What the log holds that no test has announced in `expected_trouble`."""
        records = RECORD.split(self._process.output())
        bad = [record for record in records if TROUBLE.search(record) and ABORTED not in record]
        return [record for record in bad if not any(text in record for text in self.expected_trouble)]


class DemoServers:
    """The server processes of one test, all on the same database file."""

    def __init__(self, database: Path, *, directory: Path, site: Site = DEMO) -> None:
        self.database = database
        self.site = site
        self._directory = directory  # for the logs
        self._servers: list[DemoServer] = []

    def __call__(self, **more: str) -> DemoServer:
        """One more server, started; `more` is added to its environment."""
        log = self._directory / f"server-{len(self._servers)}.log"
        server = DemoServer(self.database, log=log, site=self.site, more=more)
        self._servers.append(server)
        server.start()
        return server

    def stop(self) -> None:
        for server in self._servers:
            server.stop()

    def trouble(self) -> list[str]:
        return [part for server in self._servers for part in server.trouble()]


# In one process, since each takes a second to start. A session for each of the people: checking a password takes
# half a second of computing, by design.
PREPARE = """
from datetime import timedelta

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
from tests.support.logins import session_data

call_command("migrate", verbosity=0)
call_command("seed")
for user in User.objects.all():
    Session.objects.create(
        session_key=f"session-of-{user.username}",
        session_data=Session.objects.encode(session_data(user)),
        expire_date=timezone.now() + timedelta(days=1),
    )
"""


def prepare(database: Path) -> None:
    """Make the database file of the demo, with its people, their sessions, projects and tasks."""
    manage(database, "shell", "-v", "0", "-c", PREPARE)


def session_cookie(user: str, url: str) -> dict[str, str]:
    """The cookie with which one of the demo's people is logged in."""
    return {"name": "sessionid", "value": f"session-of-{user}", "url": url}


def copy_database(template: Path, copy: Path) -> Path:
    for suffix in ("", "-wal"):
        source = template.with_name(template.name + suffix)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + suffix))
    return copy
