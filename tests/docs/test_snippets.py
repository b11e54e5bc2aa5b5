"""Every block of code in the README and the docs runs, or is at least read by what will read it.

The README and the tutorial are followed from top to bottom in `tests/packaging/test_tutorial.py`, the commands of the
servers in `tests/servers`, and the configurations of nginx in `tests/connections/transports` and `tests/demo`.
"""

from __future__ import annotations

import configparser
import importlib.util
import re
import shlex
import subprocess
import sys
from types import ModuleType
from typing import Any

import django
import pytest
from django.contrib import admin
from django.core.management import get_commands, load_command_class
from django.template import engines
from django.test.utils import isolate_apps
from prometheus_client import CollectorRegistry

from demo_project.assistant import models as assistant_models
from demo_project.board import models as board_models
from realtime.admin import LiveModelAdmin
from realtime.streams.registry import Registry, place
from realtime.streams.stream import ModelStream
from realtime.streams.validation import field_problems, problems
from tests.docs.pages import ROOT, Block, blocks, blocks_of, page_names
from tests.test_dependencies import EXTRAS

FOLLOWED = {"../README", "start/tutorial"}
BEFORE = "# before"  # code that goes away, of packages that are not here
FOREIGN = {"celery", "django_eventstream", "django_scopes", "djangochannelsrestframework"}  # they are not installed
HAS_PARTIALS = django.VERSION >= (6,)  # of templates
OTHER_APPS = {"agenda", "events", "shop"}  # apps of the reader that the demo does not have
ESBUILD = ROOT / "browser" / "node_modules" / ".bin" / "esbuild"
LOADERS = {"js": "js", "jsx": "jsx", "ts": "ts", "css": "css"}
MODULE = re.compile(r"# (board/[\w/]+)\.py")
TAGS = ".templatetags."
READ_BY_SPHINX = re.compile(r"\{\S+\}|doors")
CHECKED = {*LOADERS, "python", "html+django", "html+jinja", "console", "sh", "ini", "nginx", "text"}
PROGRAMS = {"npm", "daphne", "uvicorn", "gunicorn", "hypercorn", "granian", "django-admin", "."}

SERIALIZERS = """
from rest_framework import serializers
from board.models import Task

class TaskSerializer(serializers.ModelSerializer):
    class Meta:
        model = Task
        fields = ["id", "project", "title", "done"]
"""


def packages(code: str) -> set[str]:
    """The packages that the code imports and that are not installed."""
    names = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return {name for name in names if name not in sys.modules and not importlib.util.find_spec(name)}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Registry:
    """The reader's project: its app `board` is the demo's, and its streams are its own."""
    modules = {"board": ModuleType("board"), "board.models": board_models}
    modules |= {"assistant": ModuleType("assistant"), "assistant.models": assistant_models}
    for name in ("board.serializers", "board.routing", "assistant.tasks"):
        modules[name] = ModuleType(name)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    exec(SERIALIZERS, modules["board.serializers"].__dict__)
    modules["assistant.tasks"].answer_question = None  # type: ignore[attr-defined]
    modules["board.routing"].websocket_urlpatterns = []  # type: ignore[attr-defined]
    monkeypatch.setattr(admin, "register", lambda *models: lambda kind: kind)
    monkeypatch.setattr(admin.site, "unregister", lambda model: None)
    monkeypatch.delenv("METRICS_PORT", raising=False)
    monkeypatch.setattr("prometheus_client.REGISTRY", CollectorRegistry())  # where a collector may stand once
    settings.TEMPLATES = with_templates_of_the_docs(settings.TEMPLATES)
    return Registry()


def with_templates_of_the_docs(configured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The engine for Django's templates, which finds those that blocks of the docs name, too."""
    found = {}
    for block in blocks_of("html+django"):
        if match := re.match(r"\{# (?:\w+/)?templates/([\w/.]+)", block.text):
            found[match[1]] = block.text
    loaders = [
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
        ("django.template.loaders.locmem.Loader", found),
    ]
    engine = next(each for each in configured if each["BACKEND"].endswith("DjangoTemplates"))
    options = {**engine.get("OPTIONS", {}), "loaders": loaders}
    return [{**{name: value for name, value in engine.items() if name != "APP_DIRS"}, "OPTIONS": options}]


def with_libraries(configured: list[dict[str, Any]], modules: list[str]) -> list[dict[str, Any]]:
    """The engines, of which Django's has these libraries of tags."""
    libraries = {name.rpartition(".")[2]: name for name in modules}
    return [
        {**each, "OPTIONS": {**each.get("OPTIONS", {}), "libraries": libraries}}
        if each["BACKEND"].endswith("DjangoTemplates")
        else each
        for each in configured
    ]


def provide_modules(page: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make modules of the page's blocks that its other blocks import or load, and return their names."""
    text = "\n".join(block.text for block in blocks(page))
    provided = []
    for block in blocks(page):
        if not (match := MODULE.match(block.text)):
            continue
        name = match[1].replace("/", ".")
        is_used = f"from {name} import" in text or TAGS in name
        if is_used and name not in sys.modules:
            module = ModuleType(name)
            exec(compile(block.text, str(block), "exec"), module.__dict__)
            monkeypatch.setitem(sys.modules, name, module)
            provided.append(name)
    return provided


def run(block: Block) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"board.block{block.number}"}
    exec(compile(block.text, str(block), "exec"), names)
    return names


@pytest.mark.parametrize("block", blocks_of("python"), ids=str)
def test_python_runs_and_its_streams_are_sound(
    block: Block, project: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile(block.text, str(block), "exec")
    if block.page in FOLLOWED or block.text.startswith(BEFORE) or packages(block.text):
        return
    if ".html#" in block.text and not HAS_PARTIALS:
        return
    monkeypatch.setattr("realtime.streams.registry.registry", project)
    if "/models.py" in block.text.splitlines()[0]:
        with isolate_apps("demo_project.board"):
            names: dict[str, Any] = {"__name__": "demo_project.board.models"}
            exec(compile(block.text, str(block), "exec"), names)
        return
    if block.page.startswith("recipes/"):
        provide_modules(block.page, monkeypatch)
    names = run(block)
    for kind in [value for value in names.values() if isinstance(value, type)]:
        if issubclass(kind, ModelStream) and kind.__module__ == names["__name__"] and hasattr(kind, "model"):
            assert kind in list(project) or "@register" not in block.text, f"{place(kind)} is not registered"
            assert [*problems(kind), *field_problems(kind)] == []
    assert project.problems == []


def test_only_what_is_not_installed_is_left_out() -> None:
    foreign = {name for block in blocks_of("python") for name in packages(block.text)}
    assert foreign <= FOREIGN | OTHER_APPS | {"assistant", "board", "notes"}


def test_admins_of_the_page_are_live(project: Registry) -> None:
    for block in blocks("guides/admin"):
        if block.kind == "python":
            assert issubclass(run(block)["TaskAdmin"], LiveModelAdmin)


@pytest.mark.django_db
def test_test_case_of_the_guide_passes(project: Registry) -> None:
    [block] = [block for block in blocks("guides/testing") if "class BoardTests" in block.text]
    case = run(block)["BoardTests"]("test_members_see_a_new_task")
    case.setUp()
    case.test_members_see_a_new_task()


@pytest.mark.parametrize("block", blocks_of("html+django"), ids=str)
def test_template_is_read_by_django(
    block: Block, project: Registry, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    if "partialdef" in block.text and not HAS_PARTIALS:
        pytest.skip("Django 6 has partials.")
    load = "{% load realtime %}" if block.page.startswith("reference/") else ""  # which is left out there
    if block.page.startswith("recipes/") and "/templatetags/" in "".join(each.text for each in blocks(block.page)):
        names = [name for name in provide_modules(block.page, monkeypatch) if TAGS in name]
        settings.TEMPLATES = with_libraries(settings.TEMPLATES, names)
    engines["django"].from_string(load + block.text)


@pytest.mark.parametrize("block", blocks_of("html+jinja"), ids=str)
def test_template_is_read_by_jinja(block: Block) -> None:
    jinja2 = pytest.importorskip("jinja2")
    jinja2.Environment(extensions=["realtime.jinja.RealtimeExtension"]).from_string(block.text)


@pytest.mark.parametrize("block", blocks_of(*LOADERS), ids=str)
def test_code_of_the_browser_is_read_by_esbuild(block: Block) -> None:
    if not ESBUILD.exists():
        pytest.skip("There is no esbuild: run scripts/npm ci.")
    command = [str(ESBUILD), f"--loader={LOADERS[block.kind]}", "--log-level=warning"]
    done = subprocess.run(command, input=block.text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", blocks_of("console"), ids=str)
def test_commands_exist_with_these_options(block: Block) -> None:
    for line in block.text.splitlines():
        assert line.startswith("$ "), f"{block}: output stands in a block of its own, of kind text"
        program, *arguments = shlex.split(line.removeprefix("$ "))
        if program != "python":
            assert program in PROGRAMS, line
        elif arguments[:3] == ["-m", "pip", "install"]:
            extras = [match[1] for each in arguments if (match := re.search(r"\[(\w+)\]", each))]
            assert set(extras) <= set(EXTRAS), line
        elif arguments[:3] == ["-m", "realtime", "init"]:
            load_command_class("realtime", "realtime_init").create_parser("", "init").parse_args(arguments[3:])
        elif arguments[0] == "manage.py" and arguments[1] != "runserver":
            command = load_command_class(get_commands()[arguments[1]], arguments[1])
            command.create_parser("manage.py", arguments[1]).parse_args(arguments[2:])


@pytest.mark.parametrize("block", blocks_of("sh"), ids=str)
def test_script_is_read_by_bash(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("block", blocks_of("ini"), ids=str)
def test_unit_of_systemd_is_read(block: Block) -> None:
    configparser.ConfigParser(interpolation=None).read_string(block.text)


@pytest.mark.parametrize("page", page_names())
def test_every_block_is_of_a_kind_that_is_checked(page: str) -> None:
    unknown = [str(block) for block in blocks(page) if block.kind not in CHECKED]
    assert [name for name in unknown if not READ_BY_SPHINX.search(name)] == []
