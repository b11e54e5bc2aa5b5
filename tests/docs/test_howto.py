"""The Python of the how-to pages compiles and runs, and the streams that it declares fit the demo's models."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib import admin

from demo_project.board import models as board_models
from realtime.admin import LiveModelAdmin
from realtime.streams.registry import Registry, place
from realtime.streams.stream import ModelStream
from realtime.streams.validation import field_problems, problems

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "howto"
PAGES = [
    "admin",
    "celery",
    "django-rest-framework",
    "existing-project",
    "from-consumers",
    "from-django-eventstream",
    "from-djangochannelsrestframework",
    "htmx",
    "postgresql",
    "redis",
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BEFORE = "# before"  # code that is to go, of packages that are not here

SERIALIZERS = """
from rest_framework import serializers
from board.models import Task

class TaskSerializer(serializers.ModelSerializer):
    class Meta:
        model = Task
        fields = ["id", "project", "title", "done"]
"""


def blocks(page: str) -> list[str]:
    return BLOCK.findall((FOLDER / f"{page}.md").read_text())


def is_there(code: str) -> bool:
    """Whether the packages that the code imports are installed."""
    names = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return all(name in sys.modules or importlib.util.find_spec(name) for name in names)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The reader's project: its app `board` is the demo's, and its streams are its own."""
    modules = {"board": ModuleType("board"), "board.models": board_models}
    for name in ("board.serializers", "board.routing"):
        modules[name] = ModuleType(name)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    exec(SERIALIZERS, modules["board.serializers"].__dict__)
    modules["board.routing"].websocket_urlpatterns = []  # type: ignore[attr-defined]
    monkeypatch.setattr(admin, "register", lambda *models: lambda kind: kind)
    registry = Registry()
    monkeypatch.setattr("realtime.streams.registry.registry", registry)
    yield registry
    assert registry.problems == []


@pytest.mark.parametrize("page", PAGES)
def test_code_of_the_page_compiles_and_runs(page: str, project: Registry) -> None:
    found = blocks(page)
    assert found
    for number, code in enumerate(found):
        compiled = compile(code, f"{page}.md, block {number}", "exec")
        names: dict[str, Any] = {"__name__": f"board.block{number}"}
        if not code.startswith(BEFORE) and is_there(code):
            exec(compiled, names)
        for kind in [value for value in names.values() if isinstance(value, type)]:
            if issubclass(kind, ModelStream) and kind is not ModelStream:
                assert kind in list(project), f"{place(kind)} is not registered"
                assert [*problems(kind), *field_problems(kind)] == []


def test_admins_of_the_page_are_live(project: Registry) -> None:
    for code in blocks("admin"):
        names: dict[str, Any] = {"__name__": "board.admin"}
        exec(code, names)
        assert issubclass(names["TaskAdmin"], LiveModelAdmin)


def test_only_what_the_docs_say_is_not_installed_is_left_out() -> None:
    foreign = {name for page in PAGES for code in blocks(page) for name in packages(code)}
    assert foreign <= {"celery", "django_eventstream", "djangochannelsrestframework"}


def packages(code: str) -> set[str]:
    names = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return {name for name in names if name != "board" and not importlib.util.find_spec(name)}
