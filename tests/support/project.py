"""A project of a few lines in a folder of its own, run by a Python of its own: for what must be there at start."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.support.processes import run

CORE = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "realtime"]

SETTINGS = """
from pathlib import Path

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "project.sqlite3"}}
ASGI_APPLICATION = "asgi.application"
SILENCED_SYSTEM_CHECKS = ["realtime.W001", "realtime.W010"]
ROOT_URLCONF = "urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""
URLS = """
from django.urls import include, path

urlpatterns = [path("realtime/", include("realtime.urls"))]
"""
ASGI = """
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from realtime.routing import websocket_urlpatterns

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
"""


class Project:
    """`apps` are installed beside the project's own app `shop`, whose modules are `files`."""

    def __init__(self, directory: Path, *, apps: list[str], files: dict[str, str], **settings: Any) -> None:
        self.directory = directory
        listed = "".join(f"{name} = {value!r}\n" for name, value in {"INSTALLED_APPS": apps, **settings}.items())
        everything = {
            "settings.py": SETTINGS + listed,
            "asgi.py": ASGI,
            "urls.py": URLS,
            "shop/__init__.py": "",
            **files,
        }
        for name, text in everything.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))

    def manage(self, *args: str) -> str:
        """The output of a command; a failure fails the test."""
        return self._run("-m", "django", *args)

    def python(self, code: str) -> Any:
        """Run code that gives `answer` a value, after `django.setup()`; return what JSON keeps of it."""
        script = f"import django\ndjango.setup()\n{dedent(code)}\nimport json\nprint(json.dumps(answer))"
        return json.loads(self._run("-c", script).splitlines()[-1])

    def _run(self, *args: str) -> str:
        root = str(Path(__file__).resolve().parents[2])
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": f"{self.directory}{os.pathsep}{root}"}
        done = run([sys.executable, *args], cwd=self.directory, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
