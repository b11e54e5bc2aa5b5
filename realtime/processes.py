"""Processes: what the server processes report of themselves, a row for each, and the state of the logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from realtime.capture.tracking import log_databases
from realtime.changelog import get_changelog
from realtime.models import Change, Process
from realtime.streams.grounds import access_database

REPORT_SECONDS = 5.0  # between two reports of a process that has clients
SILENT_SECONDS = 3 * REPORT_SECONDS  # without a report, after which a process is taken for stuck or dead
KEPT_SECONDS = 300.0  # for which a process that died is shown


class Report(NamedTuple):
    """What a process has said of itself. `age` is the number of seconds since."""

    id: str
    host: str
    pid: int
    uptime: float  # seconds, when it reported
    age: float
    figures: dict[str, Any]

    @property
    def silent(self) -> bool:
        return self.age > SILENT_SECONDS


class LogState(NamedTuple):
    """A log: about how many changes it holds, and how many seconds ago the oldest was made."""

    alias: str
    changes: int
    oldest: float


def report(id: str, *, host: str, pid: int, uptime: float, figures: dict[str, Any]) -> None:
    """Write down what a process says of itself, and forget those that died long ago."""
    alias = access_database()
    rows, now = Process.objects.using(alias), get_changelog(alias).now
    with transaction.atomic(using=alias):
        rows.update_or_create(
            pk=id,
            defaults={
                "host": host[:200],
                "pid": pid,
                "uptime": uptime,
                "heard": get_changelog(alias).now,
                "figures": figures,
            },
        )
        rows.filter(heard__lt=now - int(KEPT_SECONDS * 1000)).delete()


def forget(id: str) -> None:
    """The process has no clients any more."""
    Process.objects.using(access_database()).filter(pk=id).delete()


def reports() -> list[Report]:
    """What each process said last."""
    alias = access_database()
    rows = Process.objects.using(alias).annotate(age=get_changelog(alias).now - F("heard")).order_by("host", "pid")
    return [Report(row.pk, row.host, row.pid, row.uptime, max(0, row.age) / 1000, row.figures) for row in rows]


def total(reports: Sequence[Report]) -> dict[str, Any]:
    """The figures of all processes that are heard of, added up. A user who is on two of them counts twice."""
    heard = [report.figures for report in reports if not report.silent]
    counts: dict[str, dict[str, float]] = {}
    for figures in heard:
        for name, labels in figures["counts"].items():
            mine = counts.setdefault(name, {})
            for label, number in labels.items():
                mine[label] = mine.get(label, 0) + number
    numbers = {name: sum(figures[name] for figures in heard) for name in ("clients", "users", "subscriptions", "slow")}
    return {**numbers, "counts": {name: dict(sorted(counts[name].items())) for name in sorted(counts)}}


def queries(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The live queries of all processes, the most expensive first; each process reads its own."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for report in reports:
        for query in report.figures["queries"] if not report.silent else ():
            key = (query["stream"], query["params"], query["format"], str(query["personal"]))
            mine = found.setdefault(key, {**query, "rows": 0, "subscribers": 0, "seconds": 0.0, "number": 0})
            mine["rows"] = max(mine["rows"], query["rows"])
            mine["subscribers"] += query["subscribers"]
            mine["seconds"] += query["seconds"]
            mine["number"] += 1
    return sorted(found.values(), key=lambda query: -query["seconds"])


def connections(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Some connections of all processes, the slowest first."""
    found = [connection for report in reports if not report.silent for connection in report.figures["connections"]]
    return sorted(found, key=lambda connection: -connection["behind"])


def logs() -> list[LogState]:
    """The log of each database that has live models. It reads two rows by their key, however many there are."""
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
