"""Reports: one row per server process with its own figures, and the state of the logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from realtime.auth.users import user_database
from realtime.capture.tables import log_databases
from realtime.changelog import get_changelog
from realtime.models import Change, Process

REPORT_SECONDS = 5.0  # between two reports of a process that has clients
SILENT_SECONDS = 3 * REPORT_SECONDS  # without a report, after which a process counts as stuck or dead
KEPT_SECONDS = 300.0  # for which a dead process is shown


class Report(NamedTuple):
    """The report of a process. `age` is the number of seconds since then."""

    id: str
    host: str
    pid: int
    uptime: float  # seconds, at the time of the report
    age: float
    figures: dict[str, Any]

    @property
    def silent(self) -> bool:
        return self.age > SILENT_SECONDS


class LogState(NamedTuple):
    """A log: its approximate number of changes, and the age of the oldest one in seconds."""

    alias: str
    changes: int
    oldest: float


def report(id: str, *, host: str, pid: int, uptime: float, figures: dict[str, Any]) -> None:
    """Write the report of a process, and delete those of processes that died long ago."""
    alias = user_database()
    rows, log = Process.objects.using(alias), get_changelog(alias)
    with transaction.atomic(using=alias):
        rows.update_or_create(
            pk=id,
            defaults={
                "host": host[:200],
                "pid": pid,
                "uptime": uptime,
                "heard": log.now,
                "figures": figures,
            },
        )
        rows.filter(heard__lt=log.now_plus(-KEPT_SECONDS)).delete()


def forget(id: str) -> None:
    """Delete the report of a process that has no clients any more."""
    Process.objects.using(user_database()).filter(pk=id).delete()


def reports() -> list[Report]:
    """The last report of each process."""
    alias = user_database()
    rows = Process.objects.using(alias).annotate(age=get_changelog(alias).now - F("heard")).order_by("host", "pid")
    return [Report(row.pk, row.host, row.pid, row.uptime, max(0, row.age) / 1000, row.figures) for row in rows]


def total(reports: Sequence[Report]) -> dict[str, Any]:
    """The sum of the figures of all reporting processes. A user on two processes counts twice."""
    current = [report.figures for report in reports if not report.silent]
    counts: dict[str, dict[str, float]] = {}
    for figures in current:
        for name, labels in figures["counts"].items():
            mine = counts.setdefault(name, {})
            for label, number in labels.items():
                mine[label] = mine.get(label, 0) + number
    numbers = {
        name: sum(figures[name] for figures in current) for name in ("clients", "users", "subscriptions", "slow")
    }
    return {**numbers, "counts": {name: dict(sorted(counts[name].items())) for name in sorted(counts)}}


def queries(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The live queries of all processes, the most expensive first. Each process reads its own."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for report in reports:
        for query in report.figures["queries"] if not report.silent else ():
            key = (query["stream"], query["params"], query["format"], str(query["personal"]))
            mine = found.setdefault(key, {**query, "rows": 0, "subscribers": 0, "seconds": 0.0, "number": 0})
            mine["rows"] = max(mine["rows"], query["rows"])
            mine["subscribers"] += query["subscribers"]
            mine["seconds"] += query["seconds"]
            mine["slow"] = mine["slow"] or query["slow"]
            mine["broken"] = max(mine["broken"], query["broken"])
            mine["number"] += 1
    return sorted(found.values(), key=lambda query: -query["seconds"])


def connections(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Some connections of all processes, the slowest first."""
    found = [connection for report in reports if not report.silent for connection in report.figures["connections"]]
    return sorted(found, key=lambda connection: -connection["behind"])


def logs() -> list[LogState]:
    """The log of each database with live models. Reads only two rows by key."""
    found = []
    for alias in sorted(log_databases()):
        log = get_changelog(alias)
        rows = Change.objects.using(alias).annotate(age=log.now - F("at")).values_list("id", "age")
        first, last = rows.order_by("id").first(), rows.order_by("-id").first()
        if first is None or last is None:
            found.append(LogState(log.alias, 0, 0.0))
        else:
            found.append(LogState(log.alias, last[0] - first[0] + 1, max(0, first[1]) / 1000))
    return found
