"""Checks of streams, settings, the channel layer, the server and triggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.db import NotSupportedError, connections, router

from realtime import conf
from realtime.capture import triggers
from realtime.capture.tables import database_of, log_databases
from realtime.capture.untracked import untracked_fields
from realtime.changelog import BACKENDS
from realtime.checks import register
from realtime.checks.related_models import asks_for, unknown_models
from realtime.checks.serialization import serializer_problem, unsendable
from realtime.exceptions import StreamDefinitionError
from realtime.hub.pubsub.event_bus import carrier
from realtime.queries.queryset import queryset_problem
from realtime.streams.registry import place, registry
from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream
from realtime.streams.validation import field_problems, probe, problems, template_problems, valid_streams


@register()
def check_streams(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E001: a stream that cannot work. E002: two streams with one name."""
    found: list[CheckMessage] = []
    for stream in registry.declared():
        found += [
            Error(problem.message, hint=problem.hint, obj=place(stream), id="realtime.E001")
            for problem in _stream_problems(stream)
        ]
    found += [Error(problem.message, hint=problem.hint, id="realtime.E002") for problem in registry.problems]
    return found


def _stream_problems(stream: type[ModelStream]) -> list[StreamDefinitionError]:
    found = [*problems(stream), *template_problems(stream)] or list(field_problems(stream))
    if found:
        return found
    serializer = serializer_problem(stream)
    return [serializer] if serializer else list(unsendable(stream))


@register()
def check_querysets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E006: a QuerySet that cannot be live. W003: a stream that reads models without tracking them."""
    found: list[CheckMessage] = []
    for stream in valid_streams(registry.declared()):
        queryset = probe(stream)  # None if it needs real parameters
        problem = None if queryset is None else queryset_problem(queryset, stream) or _sql_problem(queryset, stream)
        if problem:
            found.append(Error(problem.message, hint=problem.hint, obj=place(stream), id="realtime.E006"))
        elif unknown := unknown_models(queryset, stream):
            found.append(
                Warning(
                    f"{stream.__name__} reads rows of {', '.join(unknown)} but does not track their changes.",
                    hint="List the relations to them in depends_on, or silence this check if those rows never change.",
                    obj=place(stream),
                    id="realtime.W003",
                )
            )
    return found


def _sql_problem(queryset: Any, stream: type[ModelStream]) -> StreamDefinitionError | None:
    try:
        queryset.query.clone().get_compiler(using=queryset.db).pre_sql_setup()
    except Exception as error:  # an unknown field, an infinite ordering loop, an unsupported feature, ...
        return StreamDefinitionError(
            f"get_queryset of {stream.__name__} returned a QuerySet that cannot be compiled to SQL: {error}",
            hint="Evaluate the QuerySet in `manage.py shell` and fix the error.",
        )
    return None


@register()
def check_channel_layer(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E007: a channel layer that cannot be created. W002: one that does not reach other processes."""
    try:
        layer = get_channel_layer()
    except Exception as error:  # each layer raises its own errors
        return [
            Error(
                f"The channel layer cannot be created: {error}.",
                hint='Install channels-redis and set CHANNEL_LAYERS["default"]["BACKEND"] to '
                '"channels_redis.pubsub.RedisPubSubChannelLayer", or remove the setting; realtime then polls.',
                id="realtime.E007",
            )
        ]
    if isinstance(layer, InMemoryChannelLayer) and not django_settings.DEBUG:
        return [
            Warning(
                "The channel layer is in memory, so it does not reach other server processes.",
                hint="For several processes, use channels_redis.pubsub.RedisPubSubChannelLayer. For one, silence it.",
                id="realtime.W002",
            )
        ]
    return []


@register()
def check_events(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W005: events that do not reach other processes."""
    senders = [stream.__name__ for stream in registry if stream.events()]
    if not senders or django_settings.DEBUG or carrier():
        return []
    return [
        Warning(
            f"Events of {', '.join(sorted(senders))} reach only clients of the same server process.",
            hint='With several processes, use PostgreSQL, or set CHANNEL_LAYERS["default"]["BACKEND"] to '
            '"channels_redis.pubsub.RedisPubSubChannelLayer"; with one process, silence this check.',
            id="realtime.W005",
        )
    ]


@register()
def check_settings(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E003: an unknown setting or an invalid value."""
    return [Error(problem.message, hint=problem.hint, id="realtime.E003") for problem in conf.problems()]


@register()
def check_untracked_fields(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E013: a field in REALTIME_UNTRACKED_FIELDS that must be tracked."""
    found: list[CheckMessage] = []
    for label, field, problem in untracked_fields():
        streams = valid_streams(registry.declared())
        if not problem and (asking := [stream.__name__ for stream in streams if asks_for(stream, field)]):
            problem = f"the QuerySet of {asking[0]} reads it"
        if problem:
            found.append(
                Error(
                    f"REALTIME_UNTRACKED_FIELDS names {label!r}, but {problem}.",
                    hint='Name fields as "app_label.Model.field", or remove it from the setting.',
                    id="realtime.E013",
                )
            )
    return found


@register()
def check_server(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E004: no ASGI application. W001: `runserver` does not serve WebSockets."""
    found: list[CheckMessage] = []
    if not getattr(django_settings, "ASGI_APPLICATION", None):
        found.append(
            Error(
                "ASGI_APPLICATION is not set, so `runserver` cannot route WebSockets.",
                hint=(
                    "Run `manage.py realtime_init`, or set it to 'realtime.asgi.application' or to the application in "
                    "your asgi.py."
                ),
                id="realtime.E004",
            )
        )
    if not apps.is_installed("daphne"):
        found.append(
            Warning(
                "'daphne' is not in INSTALLED_APPS, so `runserver` does not serve WebSockets.",
                hint="Add 'daphne' to the top of INSTALLED_APPS, or run another ASGI server.",
                id="realtime.W001",
            )
        )
    return found


@register()
def check_databases(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E005: live models in a database that is not supported. E066: a router that cannot say in which they are."""
    models = {stream.model for stream in registry if getattr(stream, "model", None)}
    found: list[CheckMessage] = [
        Error(
            f"Writes of {model._meta.label} are not recorded, because DATABASE_ROUTERS {_router_problem(model)}.",
            hint="Let `db_for_write` return an alias of DATABASES, even outside of requests.",
            id="realtime.E066",
        )
        for model in sorted(models, key=lambda model: model._meta.label)
        if database_of(model) is None
    ]
    for alias in sorted(log_databases(models)):
        vendor = connections[alias].vendor
        if vendor not in BACKENDS:
            found.append(
                Error(
                    f"The database {alias!r} is {vendor}, which realtime does not support.",
                    hint=f"Keep live models in one of: {', '.join(sorted(BACKENDS))}.",
                    id="realtime.E005",
                )
            )
    return found


def _router_problem(model: Any) -> str:
    try:
        alias = router.db_for_write(model)
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"
    return f"returns {alias!r}, which is not in DATABASES"


@register(Tags.database)
def check_database_versions(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> Sequence[CheckMessage]:
    """E009: a database server that is too old, such as PostgreSQL 12. Needs `--database`."""
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
                    hint="Upgrade the database server; Django refuses to connect to this version.",
                    id="realtime.E009",
                )
            )
    return found


@register(Tags.database)
def check_triggers(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """W004: missing, stale or leftover triggers. W069: a table that cannot have any. Needs `--database`."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if alias not in log_databases() or connections[alias].vendor not in BACKENDS:
            continue
        if tables := triggers.outdated_tables(alias):
            found.append(
                Warning(
                    f"In the database {alias!r} realtime's triggers do not match REALTIME_CAPTURE and the "
                    f"streams, for the tables: {', '.join(tables)}.",
                    hint="Run `manage.py migrate` or `manage.py realtime_triggers --install`.",
                    id="realtime.W004",
                )
            )
        found += [
            Warning(
                f"The table {table.name} of {table.model.__name__} cannot have triggers: it is a database view, a "
                "virtual or foreign table, or in a schema that realtime does not support.",
                hint="For a view, list the models of its tables in the stream's `rows_depend_on`. After a write to a "
                "virtual or foreign table, call `realtime.touch()`.",
                obj=table.model._meta.label,
                id="realtime.W069",
            )
            for table in triggers.unsupported_tables(alias)
        ]
    return found


@register()
def check_unmanaged(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W068: a stream of an unmanaged model that may be a database view."""
    return [
        Warning(
            f"{stream.__name__} shows {stream.model.__name__}, which Django does not manage. If it is a database "
            "view, changes of its tables go unnoticed.",
            hint='For a view, list the models of its tables: rows_depend_on = ["app.Model"]. For a table, set '
            'rows_depend_on = []; if other programs write to it, also set REALTIME_CAPTURE = "triggers".',
            obj=place(stream),
            id="realtime.W068",
        )
        for stream in valid_streams(registry.declared())
        if stream.rows_depend_on is None and not concrete(stream.model)._meta.managed
    ]
