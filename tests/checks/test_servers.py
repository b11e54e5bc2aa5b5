"""Servers that let clients compress messages are named where nobody has tried their version."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from realtime.checks import servers
from realtime.connections.transports.message_limits import KNOWN_VERSIONS

DEV = (Path(__file__).resolve().parents[2] / "requirements-dev.txt").read_text()


def install(monkeypatch, **versions: str) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(servers, "version", version)


def test_version_that_nobody_has_tried_is_named(monkeypatch):
    install(monkeypatch, uvicorn="1.0.2", hypercorn="0.18.0")
    [warning] = servers.check_servers(None)
    assert warning.id == "realtime.W035"
    assert warning.msg == (
        "uvicorn 1.0.2 is not a version in which realtime is known to disable compressed messages. "
        "With them, an anonymous client can exhaust the server's memory."
    )
    assert "--ws-per-message-deflate false" in warning.hint


def test_nothing_is_said_without_such_a_server(monkeypatch):
    install(monkeypatch)
    assert servers.check_servers(None) == []


@pytest.mark.parametrize("name", KNOWN_VERSIONS)
def test_versions_that_are_known_are_those_of_the_tests(name):
    [beyond] = re.findall(rf"^{name}>=[\d.]+,<([\d.]+)$", DEV, re.MULTILINE)
    assert KNOWN_VERSIONS[name][1] == tuple(map(int, beyond.split(".")))
    assert servers.check_servers(None) == []
