"""System checks: what is set up wrongly, each with its id and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections

from realtime import conf
from realtime.changelog import BACKENDS
from realtime.streams.registry import place, registry
from realtime.streams.validation import problems


@register("realtime")
def check_streams(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E001: a stream that cannot work. E002: a name that is taken."""
    found: list[CheckMessage] = []
    for stream in registry:
        found += [
            Error(problem.message, hint=problem.hint, obj=place(stream), id="realtime.E001")
            for problem in problems(stream)
        ]
    found += [Error(problem.message, hint=problem.hint, id="realtime.E002") for problem in registry.problems]
    return found


@register("realtime")
def check_settings(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E003: a setting of realtime that does not exist, or has a wrong value."""
    return [Error(problem.message, hint=problem.hint, id="realtime.E003") for problem in conf.problems()]


@register("realtime")
def check_server(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E004: no ASGI application. W001: `runserver` would not serve WebSockets."""
    found: list[CheckMessage] = []
    if not getattr(django_settings, "ASGI_APPLICATION", None):
        found.append(
            Error(
                "ASGI_APPLICATION is not set, so no server knows where WebSockets go.",
                hint='Set it to the application in your asgi.py: ASGI_APPLICATION = "mysite.asgi.application".',
                id="realtime.E004",
            )
        )
    if not apps.is_installed("daphne"):
        found.append(
            Warning(
                "'daphne' is not in INSTALLED_APPS, so `runserver` serves no WebSockets.",
                hint="Put 'daphne' at the top of INSTALLED_APPS, or run another ASGI server.",
                id="realtime.W001",
            )
        )
    return found


@register("realtime")
def check_databases(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E005: live models in a database that has no log."""
    found: list[CheckMessage] = []
    for alias in sorted({stream.database() for stream in registry if getattr(stream, "model", None)}):
        vendor = connections[alias].vendor
        if vendor not in BACKENDS:
            found.append(
                Error(
                    f"The database {alias!r} is {vendor}, on which realtime keeps no log of changes.",
                    hint=f"Keep live models on one of: {', '.join(sorted(BACKENDS))}.",
                    id="realtime.E005",
                )
            )
    return found
