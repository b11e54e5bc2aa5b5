"""The tutorial, followed to the letter in an environment that has nothing but the wheel, up to a live page."""

import os
import re
import shlex
import signal
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests.packaging.conftest import ROOT, run
from tests.support.pages import Windows, wait_for_state
from tests.support.processes import Process, free_port, serves

TUTORIAL = ROOT / "docs" / "tutorial" / "first-live-page.md"
CAPTION = r'(?::caption: "(?P<caption>[^"\n]*)"\n)?'
BLOCK = re.compile(rf"^```\{{code-block\}} (?P<kind>\S+)\n{CAPTION}(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MAX_LINES = 25


class Block(NamedTuple):
    kind: str
    caption: str
    text: str


BLOCKS = [Block(*(group or "" for group in match.groups())) for match in BLOCK.finditer(TUTORIAL.read_text())]
FILES = [block for block in BLOCKS if block.caption]
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS if block.kind == "console" for line in block.text.splitlines()]


class Project:
    """The reader's project: their commands, run in the order of the page."""

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

    def follow(self, command: str) -> None:
        program, *arguments = shlex.split(command)
        if command == "python manage.py runserver":
            self.server.start()
        elif program == "django-admin":
            run(self._python, "-m", "django", *arguments, cwd=self.folder)
        elif program == "python":
            run(self._python, *arguments, cwd=self.folder)
        else:
            raise AssertionError(f"The tutorial has a command that this test does not know: {command}")

    def write(self, block: Block) -> None:
        name, _, where = block.caption.partition(": ")
        assert where in ("", "add at the end"), f"The tutorial puts something where this test cannot: {block.caption}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if where else "x") as file:
            file.write(block.text)


@pytest.fixture
def project(bare_python, tmp_path):
    project = Project(bare_python, tmp_path)
    yield project
    if project.server.running:
        project.server.stop()


@pytest.mark.websocket  # the one road of the tutorial's site
def test_the_tutorial_leads_to_a_live_page(project: Project, windows: Windows):
    environment, setting_up, (*preparing, serving), changes = _chapters()
    assert environment == ["python -m venv venv", ". venv/bin/activate", "python -m pip install django-live-queries"]
    for command in setting_up:
        project.follow(command)
    for block in FILES:
        project.write(block)
    for command in [*preparing, serving]:
        project.follow(command)

    page = windows.open(windows.context(url=f"http://127.0.0.1:{project.port}"))
    page.goto("/")
    wait_for_state(page)
    rows = page.locator("ul li")
    create, update, delete = changes
    project.follow(create)
    expect(rows).to_have_text(["Written in a shell"])
    project.follow(update)
    expect(rows).to_have_text(["Changed by update()"])

    project.server.kill()
    project.follow(delete)
    project.server.start()
    expect(rows).to_have_count(0)


def test_the_tutorial_asks_for_few_lines():
    lines = [line for block in FILES for line in block.text.splitlines() if line.strip()]

    assert len(lines) <= MAX_LINES


def _chapters() -> tuple[list[str], list[str], list[str], list[str]]:
    """The commands: the environment, which the test has already, setting up, serving, and the changes."""
    return COMMANDS[:3], COMMANDS[3:5], COMMANDS[5:8], COMMANDS[8:]
