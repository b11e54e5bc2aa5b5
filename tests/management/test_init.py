"""`realtime_init`: the edits of a project's files, and that the project serves live connections afterwards."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from realtime.management.init.project import Project
from realtime.management.init.python_file import CannotEdit, PythonFile
from tests.support.waiting import seconds

ROOT = Path(__file__).resolve().parents[2]
BASE = "ROOT_URLCONF = 'site_of_test.urls'\nWSGI_APPLICATION = 'site_of_test.wsgi.application'\n"
URLS = 'from django.urls import path\n\nurlpatterns = [\n    path("", print),\n]\n'
PLAIN = '''"""ASGI."""

import os

from django.core.asgi import get_asgi_application

application = get_asgi_application()
'''
EDITED_URLS = """from django.urls import include, path

urlpatterns = [
    path("realtime/", include("realtime.urls")),
    path("", print),
]
"""
APPS_BY_HAND = (
    'INSTALLED_APPS of site_of_test.settings is not a list that this command can edit. Add "daphne" as the first app, '
    'and "realtime" as the last one.'
)
ASGI_BY_HAND = "Route WebSockets to realtime.routing.websocket_urlpatterns there, as docs/start/install.md shows."

Open = Callable[..., Project]


class Site:
    """A project in a folder of its own, whose files the test names: `settings.py`, `urls.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "site_of_test"

    def write(self, settings: str, /, module: str = "settings", **files: str) -> None:
        texts = {"urls": URLS, "__init__": "", **files, module: settings}
        for name, text in texts.items():
            path = self.package / f"{name.replace('__init__', '@').replace('__', '/').replace('@', '__init__')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def init(self, module: str = "site_of_test.settings") -> Project:
        for name in [each for each in sys.modules if each.partition(".")[0] == "site_of_test"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return Project(self.folder, module, SimpleNamespace(**vars(importlib.import_module(module))))

    def read(self, name: str) -> str:
        return (self.package / f"{name}.py").read_bytes().decode()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Site(tmp_path)


def edited(site: Site, settings: str, **files: str) -> str:
    """The settings after the edits, which leave nothing to do."""
    site.write(BASE + settings, **files)
    project = site.init()
    assert project.by_hand == []
    project.save()
    again = site.init()
    assert (again.diff(), again.by_hand) == ("", [])
    application = 'ASGI_APPLICATION = "realtime.asgi.application"\n'
    text = site.read("settings")
    assert application in text
    return text.replace(application, "").removeprefix(BASE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("INSTALLED_APPS = ['a', 'b']\n", "INSTALLED_APPS = ['daphne', 'a', 'b', 'realtime']\n"),
        ('INSTALLED_APPS = ("a",)\n', 'INSTALLED_APPS = ("daphne", "a", "realtime",)\n'),
        ("INSTALLED_APPS = []\n", 'INSTALLED_APPS = ["daphne", "realtime"]\n'),
        ("INSTALLED_APPS = ()\n", 'INSTALLED_APPS = ("daphne", "realtime",)\n'),
        (
            'INSTALLED_APPS: list = [\n    "a",  # [first], é\n    "b"  # last\n]\n',
            'INSTALLED_APPS: list = [\n    "daphne",\n    "a",  # [first], é\n    "b",  # last\n    "realtime",\n]\n',
        ),
        (
            'INSTALLED_APPS = [\n    "a",\n    "b"\n    ,\n]\n',
            'INSTALLED_APPS = [\n    "daphne",\n    "a",\n    "b"\n    ,\n    "realtime",\n]\n',
        ),
        (
            'A = ["a"]\nB = ("b",)\nINSTALLED_APPS = list(A)\nINSTALLED_APPS = A + ["c"]\n',
            'A = ["daphne", "a"]\nB = ("b",)\nINSTALLED_APPS = list(A)\nINSTALLED_APPS = A + ["c", "realtime"]\n',
        ),
        (
            'OWN = ["c"]\nINSTALLED_APPS = [*["a"], *OWN]\n',
            'OWN = ["c", "realtime"]\nINSTALLED_APPS = [*["daphne", "a"], *OWN]\n',
        ),
        (
            'A = ["a"]\nB = [\n    # Ours\n]\nINSTALLED_APPS = A + B\n',
            'A = ["daphne", "a"]\nB = [\n    "realtime",\n    # Ours\n]\nINSTALLED_APPS = A + B\n',
        ),
        (
            'INSTALLED_APPS = [\n    "a"]\n',
            'INSTALLED_APPS = ["daphne",\n    "a", "realtime"]\n',
        ),
        ('INSTALLED_APPS = ["daphne", "a"]\n', 'INSTALLED_APPS = ["daphne", "a", "realtime"]\n'),
        ('INSTALLED_APPS = ["a", "realtime"]\n', 'INSTALLED_APPS = ["daphne", "a", "realtime"]\n'),
        ('INSTALLED_APPS = ["a"]\r\nX = 1\r\n', 'INSTALLED_APPS = ["daphne", "a", "realtime"]\r\nX = 1\r\n'),
        (
            'INSTALLED_APPS = ["a"]\nif True:\n    INSTALLED_APPS += ["debug"]\n',
            'INSTALLED_APPS = ["daphne", "a", "realtime"]\nif True:\n    INSTALLED_APPS += ["debug"]\n',
        ),
    ],
)  # fmt: skip
def test_apps_are_added_as_the_list_is_written(site: Site, before: str, after: str) -> None:
    if "\r\n" in before:
        site.write(before + BASE.replace("\n", "\r\n"))
        project = site.init()
        project.save()
        assert site.read("settings").startswith(after.replace("X = 1\r\n", "X = 1\r\n"))
        assert "\n" not in site.read("settings").replace("\r\n", "")
    else:
        assert edited(site, before) == after


def test_apps_are_added_where_split_settings_have_them(site: Site) -> None:
    site.write(
        'from .base import *\n\nINSTALLED_APPS = [*INSTALLED_APPS, "debug_toolbar"]\n',
        module="conf__local",
        conf__base=f'{BASE}INSTALLED_APPS = [\n    "a",\n]\n',
        conf____init__="",
    )
    project = site.init("site_of_test.conf.local")
    project.save()
    assert project.by_hand == []
    assert site.read("conf/base").endswith('INSTALLED_APPS = [\n    "daphne",\n    "a",\n    "realtime",\n]\n')
    assert 'ASGI_APPLICATION = "realtime.asgi.application"' in site.read("conf/base")
    assert (site.init("site_of_test.conf.local").diff(), "daphne" in site.read("conf/local")) == ("", False)


@pytest.mark.parametrize(
    "apps",
    [
        'INSTALLED_APPS = "a b".split()\n',
        'from os import environ\n\nINSTALLED_APPS = ["a"] + environ.get("APPS", "b").split()\n',
        'INSTALLED_APPS = [app for app in ["a"]]\n',
        'globals().update(INSTALLED_APPS=["a"])\n',
    ],
)
def test_apps_that_are_made_by_code_are_left_to_the_reader(site: Site, apps: str) -> None:
    site.write(BASE + apps)
    project = site.init()
    project.save()
    assert project.by_hand == [APPS_BY_HAND]
    assert apps in site.read("settings")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (URLS, EDITED_URLS),
        (
            "from django.urls import include, path\nurlpatterns = []\n",
            'from django.urls import include, path\nurlpatterns = [path("realtime/", include("realtime.urls"))]\n',
        ),
        (
            '"""Addresses."""\nfrom django.urls import re_path  # all\nurlpatterns = [re_path("", print)]\n',
            (
                '"""Addresses."""\nfrom django.urls import include, path, re_path  # all\n'
                'urlpatterns = [path("realtime/", include("realtime.urls")), re_path("", print)]\n'
            ),
        ),
        (
            'from django.urls import (\n    path as p,\n)\nurlpatterns = list([p("", print)])\n',
            (
                'from django.urls import (\n    path as p,\n)\nfrom django.urls import include, path\n'
                'urlpatterns = list([p("", print)])\n'
                '\nurlpatterns = [path("realtime/", include("realtime.urls")), *urlpatterns]\n'
            ),
        ),
    ],
)  # fmt: skip
def test_urls_stand_before_all_others(site: Site, before: str, after: str) -> None:
    edited(site, 'INSTALLED_APPS = ["a"]\n', urls=before)
    assert site.read("urls") == after
    exec(compile(after, "urls.py", "exec"), {})


class TestApplication:
    APPS = 'INSTALLED_APPS = ["daphne", "realtime"]\n'

    def test_of_startproject_needs_no_edit(self, site):
        edited(site, self.APPS, asgi=PLAIN)
        assert site.read("asgi") == PLAIN

    def test_that_the_settings_name_routes_websockets(self, site):
        site.write(f'{BASE}{self.APPS}ASGI_APPLICATION = "site_of_test.asgi.application"\n', asgi=PLAIN)
        project = site.init()
        project.save()
        assert site.read("asgi").startswith(PLAIN)
        assert (project.by_hand, site.init().diff()) == ([], "")
        names: dict[str, object] = {}
        exec(compile(site.read("asgi"), "asgi.py", "exec"), names)
        assert sorted(names["application"].application_mapping) == ["http", "websocket"]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("named", [True, False])
    def test_of_the_projects_own_is_left_to_the_reader(self, site, named):
        own = "from channels.routing import ProtocolTypeRouter\n\napplication = ProtocolTypeRouter({})\n"
        setting = 'ASGI_APPLICATION = "site_of_test.asgi.application"\n' if named else ""
        site.write(BASE + self.APPS + setting, asgi=own)
        project = site.init()
        project.save()
        assert site.read("asgi") == own
        rest = ". " if named else ", so it stays as it is. Name it in ASGI_APPLICATION. "
        assert project.by_hand == [f"site_of_test/asgi.py differs from what startproject writes{rest}{ASGI_BY_HAND}"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("django>=5.2", "django>=5.2\ndjango-live-queries\n"),
        ("", "django-live-queries\n"),
        ("a\r\nb\r\n", "a\r\nb\r\ndjango-live-queries\r\n"),
        ("django_live_queries[redis]==0.1\n", "django_live_queries[redis]==0.1\n"),
        ("django-live-queries-x==1\n", "django-live-queries-x==1\ndjango-live-queries\n"),
    ],
)
def test_requirements_name_the_package_once(site: Site, before: str, after: str) -> None:
    (site.folder / "requirements.txt").write_bytes(before.encode())
    edited(site, 'INSTALLED_APPS = ["a"]\n')
    assert (site.folder / "requirements.txt").read_bytes().decode() == after


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"#\n# This file is autogenerated by pip-compile\n",
            "requirements.txt was generated by a tool. Add django-live-queries to its source.",
        ),
        (
            b"django==5.2 --hash=sha256:0\n",
            "requirements.txt was generated by a tool. Add django-live-queries to its source.",
        ),
        (b"\xff\xfed\x00", "requirements.txt cannot be read: "),
    ],
)
def test_requirements_that_a_tool_writes_are_left_to_the_reader(site: Site, content: bytes, sentence: str) -> None:
    (site.folder / "requirements.txt").write_bytes(content)
    site.write(BASE + 'INSTALLED_APPS = ["a"]\n')
    project = site.init()
    project.save()
    assert project.by_hand[0].startswith(sentence)
    assert (site.folder / "requirements.txt").read_bytes() == content


def test_files_of_others_stay_as_they_are(site: Site) -> None:
    site.write('from tests.settings import *\nROOT_URLCONF = "tests.urls"\nINSTALLED_APPS = INSTALLED_APPS[:0]\n')
    project = site.init()
    assert APPS_BY_HAND in project.by_hand
    path = ROOT / "tests" / "urls.py"
    assert f"{path} is not a file of the project in {site.folder.resolve()}, so it stays as it is." in project.by_hand


def test_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.py"
    path.write_text("INSTALLED_APPS = [")
    with pytest.raises(CannotEdit, match="cannot be read: '\\[' was never closed"):
        PythonFile(path)


class TestCommand:
    """In a project that startproject has made."""

    @pytest.fixture
    def run(self, tmp_path):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "REALTIME_"))}
        env = {**inherited, "PYTHONPATH": str(ROOT)}

        def run(*arguments: str, answer: str = "") -> tuple[int, str]:
            command = [sys.executable, *arguments]
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=env,
                input=answer,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds(60),
            )
            return done.returncode, done.stdout + done.stderr

        assert run("-m", "django", "startproject", "mysite", ".") == (0, "")
        return run

    def test_project_serves_live_connections_afterwards(self, run, tmp_path):
        before = (tmp_path / "mysite" / "settings.py").read_text()
        code, shown = run("-m", "realtime", "init", "--dry-run")
        assert (code, (tmp_path / "mysite" / "settings.py").read_text()) == (0, before)
        assert "+    'daphne',\n" in shown
        assert run("-m", "realtime", "init")[1].endswith("Nothing was changed.\n")
        code, done = run("-m", "realtime", "init", answer="y\n")
        assert done.endswith("Now run `python manage.py migrate`, then `python manage.py realtime_doctor`.\n")
        assert run("manage.py", "realtime_init", "--yes") == (
            0,
            "Nothing to change: this project is set up.\n",
        )
        assert run("manage.py", "migrate", "-v0") == (0, "")
        assert run("manage.py", "realtime_doctor")[1].endswith("Changes arrive.\n")

    @pytest.mark.once
    def test_what_is_left_to_do_is_an_error(self, run, tmp_path):
        settings = tmp_path / "mysite" / "settings.py"
        settings.write_text(settings.read_text() + 'INSTALLED_APPS = "django.contrib.auth".split()\n')
        settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", "APPS = ["))
        code, shown = run("-m", "realtime", "init", "--yes")
        assert code == 1
        assert "CommandError: To do by hand:\n- INSTALLED_APPS of mysite.settings is not a list" in shown

    @pytest.mark.once
    def test_settings_are_those_of_manage_py(self, run, tmp_path):
        manage = tmp_path / "manage.py"
        setdefault = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')"
        assert setdefault in manage.read_text()
        manage.write_text(
            manage.read_text().replace(setdefault, 'os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"')
        )
        assert run("-m", "realtime", "init", "--dry-run")[0] == 0
        manage.write_text("")
        sentence = "manage.py does not say which settings to use. Set DJANGO_SETTINGS_MODULE.\n"
        assert run("-m", "realtime", "init") == (2, sentence)

    @pytest.mark.once
    def test_other_folders_are_refused(self, run, tmp_path):
        (tmp_path / "manage.py").unlink()
        sentence = "Run `python -m realtime init` in the folder of your project's manage.py.\n"
        assert run("-m", "realtime", "init") == (2, sentence)
