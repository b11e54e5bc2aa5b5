"""Installation: starts the capture that `REALTIME_CAPTURE` selects; `migrate` starts the log and updates triggers."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

from realtime.capture import orm, signals, touch, triggers
from realtime.capture.tables import live_models, log_databases, watched_tables
from realtime.changelog import BACKENDS, commits, get_changelog
from realtime.changelog.base import rereads
from realtime.conf import settings
from realtime.models import Change, Log

_UID = "realtime.capture"

_databases: set[str] = set()  # with capture
_has_started = False


def install() -> None:
    """Start to capture the models that the registered streams need."""
    global _has_started
    _has_started = True
    live = live_models()
    tables = watched_tables(live)
    _databases.clear()
    _databases.update(alias for alias in log_databases(live) if connections[alias].vendor in BACKENDS)
    if settings.CAPTURE == "signals":  # wraps no method of Django
        orm.unwatch()
        commits.uninstall()
        signals.watch(tables, _databases)
    else:
        signals.unwatch()
        commits.install()
        orm.watch(tables, _databases, only_wake=settings.CAPTURE == "triggers")
    touch.connect_libraries()


def reinstall() -> None:
    """Capture what a newly registered stream needs. Before the app is ready, `install` is still to come."""
    if _has_started:
        install()


def connect(app: Any) -> None:
    """Let `migrate` update the triggers; `app` is realtime's app config."""
    connection_created.connect(_look_for_log, dispatch_uid=_UID)
    pre_migrate.connect(_before_migrate, sender=app, dispatch_uid=_UID)
    post_migrate.connect(_after_migrate, sender=app, dispatch_uid=_UID)


def _look_for_log(connection: Any, **kwargs: Any) -> None:
    # now, because a transaction on SQLite that reads before it writes may fail if others write in between
    if connection.alias in _databases and connection is connections[connection.alias]:
        get_changelog(connection.alias).look()


def _before_migrate(using: str, plan: Any = (), **kwargs: Any) -> None:
    if connections[using].vendor in BACKENDS:
        get_changelog(using).forget()
    # a trigger that uses a column which a migration removes would fail every later write
    if plan and _has_log(using):
        triggers.remove(using)


def _after_migrate(using: str, plan: Any = (), **kwargs: Any) -> None:
    if not _has_log(using):
        return
    wanted = settings.CAPTURE == "triggers"
    differed = triggers.install(using) if wanted else triggers.remove(using)
    log = get_changelog(using)
    # writes of migrations were not captured; a log that has just begun needs no entry for them
    if (plan or differed) and log.has_begun(log.head()):
        log.append(rereads({label for table in watched_tables().values() for label in table.labels}))
    log.begin()


def _has_log(alias: str) -> bool:
    if alias not in _databases:
        return False
    return {Change._meta.db_table, Log._meta.db_table} <= set(connections[alias].introspection.table_names())
