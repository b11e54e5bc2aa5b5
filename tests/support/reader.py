"""A reader who follows a page of the docs to the letter, in an environment that has nothing but the wheel."""

import os
import re
import shlex
import signal
from pathlib import Path
from typing import NamedTuple

from tests.packaging.conftest import run
from tests.support.processes import Process, free_port, serves

BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^(?:# (?P<python>\S+?)|\{# (?P<html>\S+?))(?P<more>: add at the end|: replace it)?(?: #\})?$")


class Block(NamedTuple):
    """A block of a page. The first line of a file's block names it, in a comment."""

    kind: str
    text: str

    @property
    def file(self) -> str:
        found = NAME.match(self.text.splitlines()[0])
        return (found["python"] or found["html"]) if found else ""

    @property
    def more(self) -> str:
        """What the reader does with a file that is there."""
        found = NAME.match(self.text.splitlines()[0])
        return (found["more"] or "") if found else ""

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.text.splitlines()] if self.kind == "console" else []


def blocks(page: Path) -> list[Block]:
    return [Block(*groups) for groups in BLOCK.findall(page.read_text())]


class Reader:
    """The reader's folder, and their commands."""

    def __init__(self, python: str, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REALTIME_"))}
        self.server = Process(
            [python, "manage.py", "runserver", "--noreload", str(self.port)],
            log=folder / "server.log",
            ready=lambda: serves(self.port),
            env=env,
            cwd=folder,
            end=signal.SIGINT,
        )
        self._python = python

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def follow(self, command: str) -> None:
        program, *arguments = shlex.split(command)
        if command == "python manage.py runserver":
            self.server.start()
        elif program == "django-admin":
            run(self._python, "-m", "django", *arguments, cwd=self.folder)
        elif program == "python":
            run(self._python, *arguments, cwd=self.folder)
        else:
            raise AssertionError(f"The page has a command that a reader of the tests does not know: {command}")

    def paste(self, block: Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = {": add at the end": "a", ": replace it": "w"}.get(block.more, "x")
        with path.open(mode) as file:
            file.write(block.text)

    def stop(self) -> None:
        if self.server.running:
            self.server.stop()
