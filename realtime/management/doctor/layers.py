"""Backstage: what a change passes before a server sends it: the checks, the logs, the wake-ups."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.apps import apps
from django.core.checks import ERROR, run_checks
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader

from realtime.auth.revocation import access_database
from realtime.capture.tables import log_databases
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.base import NewChange, origin
from realtime.hub.pubsub import channel_layer, event_bus, postgresql, sender
from realtime.hub.pubsub.notifications import source
from realtime.hub.pubsub.sender import hints_outage
from realtime.management.doctor.findings import ANSWER_SECONDS, Broken, Finding, Outcome, broken, finding
from realtime.models import Change

NOTE = "realtime.note"  # in place of a model, of which no stream has rows
NO_LOG = ""
SKEW_SECONDS = 5.0
AGAIN_SECONDS = 2.0  # before what was not heard is sent again


def checks() -> Iterator[Finding]:
    """The system checks, with those of the databases."""
    aliases = sorted(log_databases())
    try:
        found = [message for message in run_checks(databases=aliases) if str(message.id).startswith("realtime.")]
    except Exception as error:  # of any app's check, or of what it imports
        yield broken("checks", error, "`manage.py check` shows where.")
        return
    silenced = sorted({str(message.id) for message in found if message.is_silenced()})
    for message in found:
        if not message.is_silenced():
            state = Outcome.BROKEN if message.level >= ERROR else Outcome.OFF
            yield Finding(f"check {message.id}", state, f"{message.msg} {message.hint or ''}".strip())
    if silenced:
        yield Finding("checks", Outcome.OFF, f"silenced: {', '.join(silenced)}")
    elif not found:
        yield Finding("checks", Outcome.OK, "no problems")


def tables() -> Iterator[Finding]:
    """Whether the migrations of realtime have been applied, to each database that has a log."""
    for alias in sorted({*log_databases(), access_database()}):
        what = f"tables {alias}"
        try:
            there = set(connections[alias].introspection.table_names())
            every = apps.get_app_config("realtime").get_models()
            models = [model for model in every if router.allow_migrate_model(alias, model)]
            wanted = {model._meta.db_table for model in models}
            if missing := sorted(wanted - there):
                raise Broken(f"missing: {', '.join(missing)}")
            loader = MigrationLoader(connections[alias])
            names = sorted(name for app, name in loader.graph.nodes if app == "realtime")
            if behind := [name for name in names if ("realtime", name) not in loader.applied_migrations]:
                raise Broken(f"not migrated: {', '.join(behind)}")
            for model in models:  # whose columns may be others than migrations say
                list(model._base_manager.using(alias).values_list()[:1])
            yield Finding(what, Outcome.OK, "all exist")
        except Exception as error:  # every driver has errors of its own
            yield broken(what, error, f"Run `manage.py migrate --database {alias}`.")


def logs() -> Iterator[Finding]:
    """Each database's log: a change is written and read."""
    for alias in sorted({*log_databases(), access_database()}):
        what = f"log {alias}"
        try:
            if connections[alias].vendor not in BACKENDS:
                raise Broken(f"{connections[alias].vendor} is not supported")
            log = get_changelog(alias)
            begun = time.perf_counter()
            log.begin()
            before = log.head()
            with ThreadPoolExecutor(1) as another:  # whose connection has to commit for this one to read it
                another.submit(_closing, note, alias).result()
            changes = log.read(before, limit=10_000).changes
            if not any((change.model, change.key) == (NOTE, origin()) for change in changes):
                raise Broken("a written change could not be read back")
            yield finding(what, begun, "a change was written and read")
            skew = abs(_database_time(alias) - time.time())
            if skew > SKEW_SECONDS:
                yield Finding(what, Outcome.SLOW, f"its clock is off by {skew:.0f} s; run NTP on both hosts")
        except Exception as error:  # every driver has errors of its own
            yield broken(what, error, "Check that the database is running, and run `manage.py migrate`.")


async def wakeups() -> list[Finding]:
    """Each database's wake-ups between processes, and the channel layer, which also carries events."""
    found = []
    for alias in sorted({*log_databases(), access_database()}):
        what = f"wake-up {alias}"
        write = partial(asyncio.to_thread, _closing, note, alias)
        match source(alias):
            case "postgresql":
                found.append(await _hears(what, "NOTIFY", partial(_listen_to_postgresql, alias), write))
            case "layer":
                listen = partial(_listen_to_layer, channel_layer.group(alias), alias)
                found.append(await _hears(what, "the channel layer", listen, write))
            case _:
                seconds = get_changelog(alias).poll_seconds if connections[alias].vendor in BACKENDS else 0
                text = f"none between processes; changes are polled every {seconds:g} s"
                found.append(Finding(what, Outcome.OFF, text))
    try:
        get_channel_layer()
    except Exception as error:  # every layer has errors of its own
        return [*found, broken("channel layer", error, "See the check realtime.E007.")]
    if event_bus.carrier() is postgresql.EventsCarrier:
        found.append(await _hears("events", "NOTIFY", _listen_to_events, _send_event))
    elif not sender.is_usable():
        text = "none that reaches other processes; events stay within one process"
        found.append(Finding("channel layer", Outcome.OFF, text))
    elif not any(source(alias) == "layer" for alias in log_databases()):
        listen = partial(_listen_to_layer, event_bus.GROUP, NO_LOG)
        found.append(await _hears("channel layer", "the layer", listen, _send_to_layer))
    return found


Hear = Callable[[], None]


async def _hears(
    what: str, name: str, listen: Callable[[Hear, Hear], Awaitable[None]], send: Callable[[], Awaitable[None]]
) -> Finding:
    """Listen, send, and wait for the very message that was sent, on its way through the database or the layer."""
    ready, heard = asyncio.Event(), asyncio.Event()
    listening = asyncio.ensure_future(listen(ready.set, heard.set))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await ready.wait()
            while not heard.is_set():
                begun = time.perf_counter()
                await send()
                with suppress(TimeoutError):  # a sender that has sent just now leaves one out
                    async with asyncio.timeout(AGAIN_SECONDS):
                        await heard.wait()
        return finding(what, begun, f"received by {name}")
    except TimeoutError:
        remedy = "With a pooler, set REALTIME_LISTEN_DSN." if "NOTIFY" in name else "Check that Redis is running."
        return Finding(what, Outcome.BROKEN, f"nothing was received by {name} in {ANSWER_SECONDS:g} s. {remedy}")
    except Exception as error:
        return broken(what, error)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen_to_postgresql(alias: str, ready: Hear, heard: Hear) -> None:
    def take(payload: str) -> None:
        if payload == origin():
            heard()

    await postgresql.listen(alias, ready, take=take)


async def _listen_to_layer(group: str, log: str, ready: Hear, heard: Hear) -> None:
    def take(message: dict[str, Any]) -> None:
        if (message["type"], message.get("log"), message.get("origin")) == (channel_layer.WAKE_UP, log, origin()):
            heard()

    await channel_layer.listen_to(group, take, joined=ready, outage=hints_outage("the channel layer"))


async def _listen_to_events(ready: Hear, heard: Hear) -> None:
    def take(text: str) -> None:
        if text == _EVENT:
            heard()

    await postgresql.listen_to_events(take, joined=ready)


async def _send_event() -> None:
    sender.send(event_bus.GROUP, {"body": _EVENT}, by=postgresql.EventsCarrier)


# for a user that nobody is
_EVENT = json.dumps({"name": NOTE, "data": None, "user": "", "origin": origin()})


async def _send_to_layer() -> None:
    # a hint for no log, which is nothing to anybody else
    sender.send(event_bus.GROUP, {"type": channel_layer.WAKE_UP, "log": NO_LOG, "origin": origin()})


def note(alias: str) -> None:
    """Write a change that concerns nobody."""
    get_changelog(alias).append([NewChange(NOTE, origin(), Change.Kind.UPDATE)])


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
