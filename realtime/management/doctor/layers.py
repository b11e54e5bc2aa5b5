"""Layers: tests of the system checks, the tables, the logs, and the wake-ups between processes."""

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
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from realtime.capture.tables import log_databases, needed_databases
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.base import NewChange, origin
from realtime.hub.pubsub import channel_layer, event_bus, postgresql, sender
from realtime.hub.pubsub.notifications import source
from realtime.hub.pubsub.outage import hints_outage
from realtime.management.doctor.findings import ANSWER_SECONDS, Broken, Finding, Outcome, broken, finding
from realtime.models import Change

TEST_MODEL = "realtime.note"  # the model of a test's log entry: no stream has it
NO_LOG = ""
SKEW_SECONDS = 5.0
AGAIN_SECONDS = 2.0  # before a lost message is sent again


def checks() -> Iterator[Finding]:
    """Run the system checks, including those of the databases."""
    aliases = sorted(log_databases())
    try:
        found = [message for message in run_checks(databases=aliases) if str(message.id).startswith("realtime.")]
    except Exception as error:  # any app's check may fail, or a module that it imports
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
    """Test whether realtime's migrations have been applied to each database that has a log."""
    for alias in needed_databases():
        what = f"tables {alias}"
        try:
            there = set(connections[alias].introspection.table_names())
            models = list(apps.get_app_config("realtime").get_models())
            wanted = {model._meta.db_table for model in models}
            if missing := sorted(wanted - there):
                raise Broken(f"missing: {', '.join(missing)}")
            loader = MigrationLoader(connections[alias])
            names = sorted(name for app, name in loader.graph.nodes if app == "realtime")
            if behind := [name for name in names if ("realtime", name) not in loader.applied_migrations]:
                raise Broken(f"not migrated: {', '.join(behind)}")
            for model in models:  # the columns may differ from the migrations
                list(model._base_manager.using(alias).values_list()[:1])
            yield Finding(what, Outcome.OK, "all exist")
        except Exception as error:  # every driver has its own errors
            yield broken(what, error, f"Run `manage.py migrate --database {alias}`.")


def logs() -> Iterator[Finding]:
    """Write a change to each database's log, and read it."""
    for alias in needed_databases():
        what = f"log {alias}"
        try:
            if connections[alias].vendor not in BACKENDS:
                raise Broken(f"{connections[alias].vendor} is not supported")
            log = get_changelog(alias)
            begun = time.perf_counter()
            log.begin()
            before = log.head()
            with ThreadPoolExecutor(1) as another:  # another connection: it must commit before this one can read
                another.submit(_with_own_connections, write_change, alias).result()
            changes = log.read(before, limit=10_000).changes
            if not any((change.model, change.key) == (TEST_MODEL, origin()) for change in changes):
                raise Broken("a written change could not be read back")
            yield finding(what, begun, "a change was written and read")
            skew = abs(_database_time(alias) - time.time())
            if skew > SKEW_SECONDS:
                yield Finding(what, Outcome.SLOW, f"its clock is off by {skew:.0f} s; run NTP on both hosts")
        except Exception as error:  # every driver has its own errors
            yield broken(
                what,
                error,
                "Check that the database is running and grants its role these tables, and run `manage.py migrate`.",
            )


async def wakeups() -> list[Finding]:
    """Test each database's wake-ups between processes, and the channel layer, which also carries events."""
    found = []
    for alias in needed_databases():
        what = f"wake-up {alias}"
        write = partial(asyncio.to_thread, _with_own_connections, write_change, alias)
        match source(alias):
            case "postgresql":
                found.append(await _await_message(what, "NOTIFY", partial(_listen_to_postgresql, alias), write))
            case "layer":
                listen = partial(_listen_to_layer, channel_layer.group(alias), alias)
                found.append(await _await_message(what, "the channel layer", listen, write))
            case _:
                seconds = get_changelog(alias).poll_seconds if connections[alias].vendor in BACKENDS else 0
                text = f"none between processes; changes are polled every {seconds:g} s"
                found.append(Finding(what, Outcome.OFF, text))
    try:
        get_channel_layer()
    except Exception as error:  # every layer has its own errors
        return [*found, broken("channel layer", error, "See the check realtime.E007.")]
    if event_bus.carrier() is postgresql.EventsCarrier:
        found.append(await _await_message("events", "NOTIFY", _listen_to_events, _send_event))
    elif not sender.is_usable():
        text = "none that reaches other processes; events stay within one process"
        found.append(Finding("channel layer", Outcome.OFF, text))
    elif not any(source(alias) == "layer" for alias in log_databases()):
        listen = partial(_listen_to_layer, event_bus.GROUP, NO_LOG)
        found.append(await _await_message("channel layer", "the layer", listen, _send_to_layer))
    return found


Notify = Callable[[], None]


async def _await_message(
    what: str, name: str, listen: Callable[[Notify, Notify], Awaitable[None]], send: Callable[[], Awaitable[None]]
) -> Finding:
    """Listen, send a message through the database or the layer, and wait until it is received."""
    ready, received = asyncio.Event(), asyncio.Event()
    listening = asyncio.ensure_future(listen(ready.set, received.set))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await ready.wait()
            while not received.is_set():
                begun = time.perf_counter()
                await send()
                with suppress(TimeoutError):  # a sender skips a message right after another one
                    async with asyncio.timeout(AGAIN_SECONDS):
                        await received.wait()
        return finding(what, begun, f"received by {name}")
    except TimeoutError:
        remedy = "With a pooler, set REALTIME_LISTEN_DSN." if "NOTIFY" in name else "Check that Redis is running."
        return Finding(what, Outcome.BROKEN, f"nothing was received by {name} in {ANSWER_SECONDS:g} s. {remedy}")
    except Exception as error:
        return broken(what, error)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen_to_postgresql(alias: str, ready: Notify, received: Notify) -> None:
    def take(payload: str) -> None:
        if payload == origin():
            received()

    await postgresql.listen(alias, ready, take=take)


async def _listen_to_layer(group: str, log: str, ready: Notify, received: Notify) -> None:
    def take(message: dict[str, Any]) -> None:
        if (message["type"], message.get("log"), message.get("origin")) == (channel_layer.WAKE_UP, log, origin()):
            received()

    await channel_layer.listen_to(group, take, joined=ready, outage=hints_outage("the channel layer"))


async def _listen_to_events(ready: Notify, received: Notify) -> None:
    def take(text: str) -> None:
        if text == _EVENT:
            received()

    await postgresql.listen_to_events(take, joined=ready)


async def _send_event() -> None:
    sender.send(event_bus.GROUP, {"body": _EVENT}, by=postgresql.EventsCarrier)


# an event for a user that does not exist
_EVENT = json.dumps({"name": TEST_MODEL, "data": None, "user": "", "origin": origin()})


async def _send_to_layer() -> None:
    # a hint for no log, which other processes ignore
    sender.send(event_bus.GROUP, {"type": channel_layer.WAKE_UP, "log": NO_LOG, "origin": origin()})


def write_change(alias: str) -> None:
    """Write a change that affects no stream."""
    get_changelog(alias).append([NewChange(TEST_MODEL, origin(), Change.Kind.UPDATE)])


def _with_own_connections(function: Callable[..., None], *args: Any) -> None:
    # nothing else closes the connections of this thread
    try:
        function(*args)
    finally:
        connections.close_all()


def _database_time(alias: str) -> float:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {get_changelog(alias).now_sql}")
        return float(cursor.fetchone()[0]) / 1000
