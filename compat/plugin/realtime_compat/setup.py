"""Setup: adds the app to a project's settings when Django is set up, as a user would in the settings file."""

from __future__ import annotations

import ast
import functools
import json
import os
from typing import Any

import django
from django.conf import settings
from django.core.checks.registry import registry as checks

APPS = ["realtime_compat", "realtime"]  # in this order: streams are registered before the app looks at them


def install(capture: str) -> None:
    """Have the first `django.setup()` use the wanted settings and database, and install the app for a capture."""
    original = django.setup

    @functools.wraps(original)
    def setup(set_prefix: bool = True) -> None:
        django.setup = original  # tests that call it again mean the settings that they have made
        for name, value in ast.literal_eval(os.environ["REALTIME_COMPAT_SETTINGS"]).items():
            setattr(settings, name, value)
        _use_database()
        if capture:
            installed = settings.INSTALLED_APPS  # a list or a tuple, which their tests add to
            settings.INSTALLED_APPS = installed + type(installed)(APPS)
            settings.REALTIME_CAPTURE = capture
        original(set_prefix)
        if capture:
            _silence_checks()

    django.setup = setup


def _use_database() -> None:
    """Put the server of REALTIME_COMPAT_DATABASE, or else SQLite, in the place of the project's own servers."""
    server = json.loads(os.environ["REALTIME_COMPAT_DATABASE"] or "{}")
    if server.get("ENGINE", "").endswith("mysql"):
        import pymysql

        pymysql.install_as_MySQLdb()
    for alias, database in settings.DATABASES.items():
        kept = {name: database[name] for name in ("TEST", "ATOMIC_REQUESTS") if name in database}
        if server:
            kept.get("TEST", {}).pop("NAME", None)
            settings.DATABASES[alias] = {**server, **kept, "NAME": f"{os.environ['REALTIME_COMPAT_NAME']}_{alias}"}
        elif not database["ENGINE"].endswith("sqlite3"):
            settings.DATABASES[alias] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}


def _silence_checks() -> None:
    """Run the app's checks and say nothing: these projects have no ASGI server, and none of our URLs."""
    from realtime import checks as realtime_checks  # once Django is set up

    for registered in (checks.registered_checks, checks.deployment_checks):
        for check in [item for item in registered if item.__module__.startswith("realtime.")]:
            registered.remove(check)
            registered.add(_silent(check))
    realtime_checks.install = lambda: None  # apps become ready again, which would register them anew


def _silent(check: Any) -> Any:
    @functools.wraps(check)
    def silent(**kwargs: Any) -> list[Any]:
        list(check(**kwargs))
        return []

    return silent
