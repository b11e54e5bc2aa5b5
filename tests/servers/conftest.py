"""Each server of the docs, started by the command that stands there, on the tests' own database."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connections.transports.conftest import Daphne, client, log, server, session
from tests.support.demo import ROOT

__all__ = ["client", "log", "server", "session"]

PAGE = (ROOT / "docs" / "operations" / "servers.md").read_text()
COMMANDS = re.findall(r"^\$ (?!python )(.*mysite\.asgi:application.*)$", PAGE, re.MULTILINE)


def table() -> dict[str, dict[str, str]]:
    """What the page says of each server, by the names of the columns."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    head, _, *body = rows
    return {row[0]: dict(zip(head, row, strict=True)) for row in body if len(row) == len(head)}


TABLE = table()


class Named(Daphne):
    """A server by its name in the table; `options` are left out, or added, to see what happens without reading."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(directory)
        self.name = name
        self._process.fresh = True
        self._process.command = [sys.executable, "-m", *command(name, self.port)]

    @property
    def row(self) -> dict[str, str]:
        return TABLE[self.name.removesuffix(BARE)]


BARE = " without its options"


def command(name: str, port: int) -> list[str]:
    """The command of the page for a server, on this port and with this site; one process takes less time to start."""
    program, *own = name.removesuffix(BARE).split()
    [line] = [
        line
        for line in dict.fromkeys(COMMANDS)
        if line.startswith(f"{program} ") and (" ".join(own) in line or "--ws" in own) and "8001" in line
    ]
    line = line.replace("8001", str(port)).replace("--workers 4", "--workers 1")
    line = line.replace("mysite.asgi:application", "tests.servers.site:application")
    if BARE in name:
        line = re.sub(r" --(ws-|timeout-)\S+ \S+", "", line)
    words = line.split()
    return [*words, *own] if "--ws" in own else words


@pytest.fixture(scope="module", params=[*TABLE, f"uvicorn{BARE}"])
def daphne(
    request: pytest.FixtureRequest, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Named]:
    named = Named(request.param, tmp_path_factory.mktemp("server"))
    named.start()
    yield named
    named.stop()
