"""Backstage: what a change passes before a server sends it: the checks, the logs, the wake-ups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.checks import ERROR, run_checks
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader

from realtime import relay
from realtime.capture.tracking import log_databases
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.base import NewChange
from realtime.doctor.findings import ANSWER_SECONDS, Broken, Finding, State, broken, finding
from realtime.models import Change
from realtime.streams.grounds import access_database
from realtime.wakeups import layer, postgresql, source

NOTE = "realtime.note"  # in place of a model, of which no stream has rows
SKEW_SECONDS = 5.0


def checks() -> Iterator[Finding]:
    """The system checks, with those of the databases."""
    aliases = sorted(log_databases())
    found = [message for message in run_checks(databases=aliases) if str(message.id).startswith("realtime.")]
    for message in found:
        if not message.is_silenced():
            state = State.BROKEN if message.level >= ERROR else State.OFF
            yield Finding(f"check {message.id}", state, f"{message.msg} {message.hint or ''}".strip())
    if not found:
        yield Finding("checks", State.OK, "nothing is set up wrongly")


def tables() -> Iterator[Finding]:
    """Whether the migrations of realtime have been applied, to each database that has a log."""
    for alias in sorted({*log_databases(), access_database()}):
        what = f"tables {alias}"
        try:
            there = set(connections[alias].introspection.table_names())
            models = apps.get_app_config("realtime").get_models()
            wanted = {model._meta.db_table for model in models if router.allow_migrate_model(alias, model)}
            if missing := sorted(wanted - there):
                raise Broken(f"there is no {', '.join(missing)}")
            loader = MigrationLoader(connections[alias])
            names = sorted(name for app, name in loader.graph.nodes if app == "realtime")
            if behind := [name for name in names if ("realtime", name) not in loader.applied_migrations]:
                raise Broken(f"not migrated: {', '.join(behind)}")
            yield Finding(what, State.OK, "all are there")
        except Exception as error:  # every driver has errors of its own
            yield broken(what, error, f"Run `manage.py migrate --database {alias}`.")


def logs() -> Iterator[Finding]:
    """Each database's log: a change is written and read."""
    for alias in sorted({*log_databases(), access_database()}):
        what = f"log {alias}"
        try:
            if connections[alias].vendor not in BACKENDS:
                raise Broken(f"{connections[alias].vendor} has no log")
            log = get_changelog(alias)
            begun = time.perf_counter()
            log.begin()
            before = log.head()
            note(alias)
            changes = log.read(before, limit=10_000).changes
            if not any(change.model == NOTE for change in changes):
                raise Broken("a change that was written could not be read")
            yield finding(what, begun, "a change was written and read")
            skew = abs(_database_time(alias) - time.time())
            if skew > SKEW_SECONDS:
                yield Finding(what, State.SLOW, f"its clock differs by {skew:.0f} s; run NTP on both")
        except Exception as error:  # every driver has errors of its own
            yield broken(what, error, "Is the database there, and has `migrate` been run?")


async def wakeups() -> list[Finding]:
    """Each database's wake-ups between processes, and the channel layer, which also carries events."""
    found = []
    for alias in sorted({*log_databases(), access_database()}):
        what = f"wake-up {alias}"
        match source(alias):
            case "postgresql":
                found.append(await _hears(what, "NOTIFY", lambda wake: postgresql.listen(alias, wake), alias))  # noqa: B023
            case "layer":
                found.append(await _hears(what, "the channel layer", lambda wake: layer.listen(alias, wake), alias))  # noqa: B023
            case _:
                seconds = get_changelog(alias).poll_seconds if connections[alias].vendor in BACKENDS else 0
                text = f"none between processes: changes are found by polling, every {seconds:g} s"
                found.append(Finding(what, State.OFF, text))
    if relay.is_usable():
        if not any(source(alias) == "layer" for alias in log_databases()):
            listen = lambda wake: layer.listen(access_database(), wake)  # noqa: E731
            found.append(await _hears("channel layer", "the layer", listen, access_database(), by_layer=True))
    else:
        text = "none that reaches other processes: events and typing signs stay in one"
        found.append(Finding("channel layer", State.OFF, text))
    return found


async def _hears(
    what: str,
    name: str,
    listen: Callable[[Callable[[], None]], Awaitable[None]],
    alias: str,
    *,
    by_layer: bool = False,
) -> Finding:
    heard = asyncio.Event()
    listening = asyncio.ensure_future(listen(heard.set))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await heard.wait()  # said once when it listens
        heard.clear()
        begun = time.perf_counter()
        if by_layer:
            layer.send(alias)
        else:
            await asyncio.to_thread(_closing, note, alias)
        async with asyncio.timeout(ANSWER_SECONDS):
            await heard.wait()
        return finding(what, begun, f"heard by {name}")
    except TimeoutError:
        remedy = "See REALTIME_LISTEN_DSN, if there is a pooler." if "NOTIFY" in name else "Is Redis there?"
        return Finding(what, State.BROKEN, f"nothing was heard by {name} in {ANSWER_SECONDS:g} s. {remedy}")
    except Exception as error:
        return broken(what, error)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def note(alias: str) -> None:
    """Write a change that concerns nobody."""
    get_changelog(alias).append([NewChange(NOTE, "", Change.Operation.UPDATE)])


def _closing(function: Callable[..., None], *args: Any) -> None:
    # in a thread of its own, whose connections nobody else would close
    try:
        function(*args)
    finally:
        connections.close_all()


def _database_time(alias: str) -> float:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {get_changelog(alias).now_sql}")
        return float(cursor.fetchone()[0]) / 1000
