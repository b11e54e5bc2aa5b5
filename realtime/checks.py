"""System checks: what is set up wrongly, each with its id and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import NotSupportedError, connections

from realtime import conf
from realtime.capture import triggers
from realtime.capture.tracking import log_databases
from realtime.changelog import BACKENDS
from realtime.exceptions import StreamDefinitionError
from realtime.queries.nature import unknown_models
from realtime.queries.sendable import serializer_problem, unsendable
from realtime.queries.shape import shape_problem
from realtime.relay import is_usable
from realtime.streams.registry import place, registry
from realtime.streams.stream import ModelStream
from realtime.streams.validation import field_problems, probe, problems


@register("realtime")
def check_streams(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E001: a stream that cannot work. E002: a name that is taken."""
    found: list[CheckMessage] = []
    for stream in registry:
        found += [
            Error(problem.message, hint=problem.hint, obj=place(stream), id="realtime.E001")
            for problem in _stream_problems(stream)
        ]
    found += [Error(problem.message, hint=problem.hint, id="realtime.E002") for problem in registry.problems]
    return found


def _stream_problems(stream: type[ModelStream]) -> list[StreamDefinitionError]:
    found = [*problems(stream), *field_problems(stream)]
    if found:
        return found
    serializer = serializer_problem(stream)
    return [serializer] if serializer else list(unsendable(stream))


@register("realtime")
def check_querysets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E006: a QuerySet that cannot be live. W003: a stream that reads models whose changes it does not follow."""
    found: list[CheckMessage] = []
    for stream in registry:
        if any(problems(stream)):
            continue
        queryset = probe(stream)  # None where it cannot be made without real parameters
        problem = None if queryset is None else shape_problem(queryset, stream)
        if problem:
            found.append(Error(problem.message, hint=problem.hint, obj=place(stream), id="realtime.E006"))
        elif unknown := unknown_models(queryset, stream):
            found.append(
                Warning(
                    f"{stream.__name__} reads rows of {', '.join(unknown)}, whose changes it does not follow.",
                    hint="Name the relations that lead there in depends_on, or silence this where they never change.",
                    obj=place(stream),
                    id="realtime.W003",
                )
            )
    return found


@register("realtime")
def check_channel_layer(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E007: a channel layer that cannot be made. W002: one that does not reach other processes."""
    try:
        layer = get_channel_layer()
    except Exception as error:  # every layer has errors of its own
        return [
            Error(
                f"The channel layer cannot be made: {error}.",
                hint='Install channels-redis and set CHANNEL_LAYERS["default"]["BACKEND"] to '
                '"channels_redis.pubsub.RedisPubSubChannelLayer", or remove the setting: changes are polled for then.',
                id="realtime.E007",
            )
        ]
    if isinstance(layer, InMemoryChannelLayer) and not django_settings.DEBUG:
        return [
            Warning(
                "The channel layer is in memory, so it carries nothing to other server processes.",
                hint="With several processes use channels_redis.pubsub.RedisPubSubChannelLayer; with one, ignore it.",
                id="realtime.W002",
            )
        ]
    return []


@register("realtime")
def check_events(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W005: events that do not reach other processes."""
    senders = [stream.__name__ for stream in registry if stream.events()]
    if not senders or django_settings.DEBUG or is_usable():
        return []
    return [
        Warning(
            f"Events of {', '.join(sorted(senders))} reach the clients of one server process only.",
            hint='With several processes set CHANNEL_LAYERS["default"]["BACKEND"] to '
            '"channels_redis.pubsub.RedisPubSubChannelLayer"; with one, silence this.',
            id="realtime.W005",
        )
    ]


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


@register("realtime", Tags.database)
def check_database_versions(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> Sequence[CheckMessage]:
    """E009: a database server that is too old, such as PostgreSQL 12. Needs `--database`, as `migrate` has."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if alias not in log_databases():
            continue
        try:
            connections[alias].check_database_version_supported()
        except NotSupportedError as error:
            found.append(
                Error(
                    f"The database {alias!r} is too old: {error}",
                    hint="Upgrade the server: without it no page is served at all.",
                    id="realtime.E009",
                )
            )
    return found


@register("realtime", Tags.database)
def check_triggers(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """W004: triggers that are missing, left over, or of streams as they were. Needs `--database`, as `migrate` has."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if alias not in log_databases() or connections[alias].vendor not in BACKENDS:
            continue
        if tables := triggers.out_of_step(alias):
            found.append(
                Warning(
                    f"In the database {alias!r} the triggers of realtime are not those that REALTIME_CAPTURE and the "
                    f"streams ask for, on: {', '.join(tables)}.",
                    hint="Run `manage.py migrate` or `manage.py realtime_triggers --install`.",
                    id="realtime.W004",
                )
            )
    return found
