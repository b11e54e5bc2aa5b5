"""`manage.py demo`: makes the database, says where the board is, serves it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.support.demo import ROOT, copy_database, environment, manage
from tests.support.processes import Process, free_port, serves


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def make_demo(database: Path, port: int, *, fresh: bool = False) -> Process:
    return Process(
        [sys.executable, "manage.py", "demo"],
        log=database.with_suffix(".log"),
        ready=lambda: serves(port),
        env={**environment(database), "PORT": str(port)},
        cwd=ROOT,
        end=signal.SIGINT,
        fresh=fresh,
    )


def test_makes_the_database_and_serves_the_board(tmp_path: Path) -> None:
    database, port = tmp_path / "new.sqlite3", free_port()
    demo = make_demo(database, port, fresh=True)
    demo.start()
    try:
        assert f"Two browsers side by side, without a login: http://127.0.0.1:{port}/\n" in demo.output()
        assert f"http://localhost:{port}/ has a separate login" in demo.output()
        assert "ada / ada" in demo.output()
        assert str(database) in demo.output()
        for path in ("/", "/two/noah/", "/login/", "/static/demo/demo.css", "/static/realtime/realtime.js"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                assert answer.status == 200
    finally:
        demo.stop()


def test_keeps_what_is_in_the_database(demo_database: Path, tmp_path: Path) -> None:
    database, port = copy_database(demo_database, tmp_path / "kept.sqlite3"), free_port()
    manage(database, "shell", "-v", "0", "-c", "Task.objects.all().delete(); Project.objects.update(name='Kept')")
    demo = make_demo(database, port)
    demo.start()
    demo.stop()

    count = "print(Task.objects.count(), set(Project.objects.values_list('name', flat=True)))"
    assert manage(database, "shell", "-v", "0", "-c", count) == "0 {'Kept'}\n"


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "80.5"])
def test_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError) as refused:
        call_command("demo")

    assert str(refused.value) == f"PORT is {port!r}, which is not a port. Give a number from 1 to 65535."


def test_port_in_use_is_named_with_another_one(monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("PORT", str(taken_port))
    with pytest.raises(CommandError) as refused:
        call_command("demo")

    assert str(refused.value) == (
        f"The port {taken_port} of 127.0.0.1 cannot be used ({os.strerror(errno.EADDRINUSE)}). "
        f"Choose another one: PORT={taken_port + 1} make demo"
    )


def test_folder_of_the_database_has_to_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    database = tmp_path / "missing" / "demo.sqlite3"
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", database)
    with pytest.raises(CommandError) as refused:
        call_command("demo")

    assert str(refused.value) == (
        f"The folder of DEMO_DB, {database.parent}, does not exist. Make it, or name another file."
    )
