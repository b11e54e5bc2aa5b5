"""`manage.py realtime_status`: shows the server processes, their live queries and the logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from realtime.hub import reports

MOST_QUERIES = 10


def _remarks(report: reports.Report) -> str:
    return f"{' (silent)' if report.silent else ''}{' (stopping)' if report.figures['draining'] else ''}"


class Command(BaseCommand):
    help = "Show the server processes that have clients, their live queries, and the logs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON, with all counters.")

    def handle(self, *args: Any, **options: Any) -> None:
        found, logs = reports.reports(), reports.logs()
        if options["json"]:
            shown = {
                "processes": [{**report._asdict(), "silent": report.silent} for report in found],
                "logs": [log._asdict() for log in logs],
            }
            self.stdout.write(json.dumps(shown, indent=2))
            return
        total = reports.total(found)
        self.stdout.write(
            f"server processes: {len(found)}, clients: {total['clients']}, users: {total['users']}, "
            f"subscriptions: {total['subscriptions']}, slow clients: {total['slow']}"
        )
        self._table(
            ["process", "host", "pid", "last report", "clients", "slow", "live queries", "lag"],
            (
                [
                    report.id,
                    report.host,
                    report.pid,
                    f"{report.age:.0f} s ago{_remarks(report)}",
                    report.figures["clients"],
                    report.figures["slow"],
                    sum(stream["queries"] for stream in report.figures["streams"].values()),
                    f"{max((log['lag'] for log in report.figures['logs'].values()), default=0):.3f} s",
                ]
                for report in found
            ),
        )
        self._table(
            ["log", "changes", "oldest"], ([log.alias, log.changes, f"{log.oldest / 3600:.1f} h"] for log in logs)
        )
        self._table(
            ["live query", "format", "rows", "reads", "subscribers", "cost"],
            (
                [
                    f"{query['stream']} {query['params']}",
                    query["format"] + (" (personal)" if query["personal"] else ""),
                    str(query["rows"]) + (f" ({query['broken']} broken)" if query["broken"] else ""),
                    query.get("reads", ""),  # not in reports of processes that run an older version
                    query["subscribers"],
                    f"{query['seconds']:.2f} s" + (" (slow)" if query["slow"] else ""),
                ]
                for query in reports.queries(found)[:MOST_QUERIES]
            ),
        )
        self._table(
            ["since start", "", ""],
            (
                [name.replace("_", " "), label, f"{number:.10g}"]
                for name, labels in total["counts"].items()
                for label, number in labels.items()
            ),
        )

    def _table(self, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        lines = [list(map(str, row)) for row in rows]
        if not lines:
            return
        widths = [max(len(line[place]) for line in [list(heads), *lines]) for place in range(len(heads))]
        self.stdout.write("")
        for number, line in enumerate([list(heads), *lines]):
            text = "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
            self.stdout.write(self.style.MIGRATE_HEADING(text) if not number else text)
