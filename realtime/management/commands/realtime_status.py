"""`manage.py realtime_status`: what the server processes do, and how the logs stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from realtime import processes

MOST_QUERIES = 10


def _remarks(report: processes.Report) -> str:
    return f"{' (silent)' if report.silent else ''}{' (stopping)' if report.figures['draining'] else ''}"


class Command(BaseCommand):
    help = "Show the server processes that have clients, their live queries, and the logs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Write JSON, with all figures.")

    def handle(self, *args: Any, **options: Any) -> None:
        reports, logs = processes.reports(), processes.logs()
        if options["json"]:
            shown = {
                "processes": [{**report._asdict(), "silent": report.silent} for report in reports],
                "logs": [log._asdict() for log in logs],
            }
            self.stdout.write(json.dumps(shown, indent=2))
            return
        total = processes.total(reports)
        self.stdout.write(
            f"{len(reports)} server processes with {total['clients']} clients of {total['users']} users, "
            f"{total['subscriptions']} subscriptions, {total['slow']} slow clients"
        )
        self._table(
            ["process", "host", "pid", "heard", "clients", "slow", "live queries", "lag"],
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
                for report in reports
            ),
        )
        self._table(
            ["log", "changes", "oldest"], ([log.alias, log.changes, f"{log.oldest / 3600:.1f} h"] for log in logs)
        )
        self._table(
            ["live query", "format", "rows", "subscribers", "cost"],
            (
                [
                    f"{query['stream']} {query['params']}",
                    query["format"] + (" (personal)" if query["personal"] else ""),
                    query["rows"],
                    query["subscribers"],
                    f"{query['seconds']:.2f} s",
                ]
                for query in processes.queries(reports)[:MOST_QUERIES]
            ),
        )
        self._table(
            ["since they began", "", ""],
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
