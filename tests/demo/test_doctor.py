"""The doctor in the demo, as a newcomer runs it: everything works, and nothing is left behind."""

from __future__ import annotations

import re
import sys

import pytest

from tests.support.demo import DEMO, ROOT, environment
from tests.support.processes import run

TRANSPORTS = ["WebSocket", "Server-Sent Events", "long-poll"]


def examine(server, *arguments: str, code: int = 0) -> list[tuple[str, str, str]]:
    command = [sys.executable, "manage.py", "realtime_doctor", "--no-color", *arguments]
    done = run(command, cwd=ROOT, env=environment(server.database, DEMO), timeout=100)
    assert done.returncode == code, done.stdout + done.stderr
    lines = [re.split(r"  +", line, maxsplit=2) for line in done.stdout.splitlines()]
    return [tuple(line) for line in lines if len(line) == 3]


def rows(server) -> int:
    return server.query("SELECT COUNT(*) FROM realtime_probe")[0][0]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["a server of its own", "the server at an address"])
def test_everything_works(server, elsewhere):
    found = examine(server, *(["--url", server.url] if elsewhere else []))
    states = {what: state for state, what, _ in found}
    assert list(states)[:3] == ["checks", "tables default", "log default"]
    assert {state for what, state in states.items() if what in TRANSPORTS} <= {"ok", "slow"}
    assert [what for what in states if what in TRANSPORTS] == TRANSPORTS
    assert rows(server) == 0


def test_server_that_is_not_there_is_an_error(server):
    server.stop()
    found = examine(server, "--url", server.url, code=1)
    assert [state for state, what, _ in found if what in TRANSPORTS] == ["broken"] * 3
    assert rows(server) == 0
