"""Report: what the runs show, for people; and the table in the docs, which keeps the last run of each suite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from compat.comparison import Comparison, Difference, differences
from compat.sources import BUILD, ROOT
from compat.suites import CAPTURES, DATABASES, SUITES, Suite

REPORT = BUILD / "report.md"
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "reference" / "compatibility.md"
BEGIN, END = "<!-- made by `make compat` -->\n", "<!-- until here -->\n"
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}


@dataclass(frozen=True)
class Line:
    """One comparison of one suite, or why there is none."""

    suite: Suite
    version: str = ""
    database: str = ""
    capture: str = ""
    comparison: Comparison | None = None
    missing: str = ""

    @property
    def is_good(self) -> bool:
        return self.comparison is None or self.comparison.is_good

    @property
    def summary(self) -> str:
        found = self.comparison
        if found is None:
            return f"NOT RUN {self.suite.name}: {self.missing}"
        return (
            f"{'ok' if found.is_good else 'FAILED'} {self.suite.name} {self.version}, {NAMES[self.database]}, "
            f"{self.capture}: {found.ran} tests, {found.as_without} as without the app, "
            f"{len(found.failed_without)} fail without it, {len(found.listed)} listed, "
            f"{len(found.new)} new failures, {len(found.stale)} stale"
        )


def write(lines: Sequence[Line], file: Path = REPORT) -> None:
    """Write the report: a summary, then each new failure with its traceback."""
    parts = ["# Other people's tests, with every model live", "", *(f"- {line.summary}" for line in lines)]
    for line in lines:
        if line.comparison is None or line.comparison.is_good:
            continue
        parts += ["", f"## {line.suite.name}, {NAMES[line.database]}, {line.capture}", ""]
        for result in line.comparison.new:
            parts += [f"### {result.test}: {result.outcome}", "", "```", result.detail.strip(), "```", ""]
        parts += [
            f"- listed, and it does not fail any more: {item.test} ({item.reason})" for item in line.comparison.stale
        ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(parts) + "\n")


def keep(line: Line) -> None:
    """Keep the result of a whole run for the table, and write the table. A suite that cannot run there has none."""
    found = line.comparison
    if found is None or not found.as_without:
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[f"{line.suite.name} {line.database} {line.capture}"] = {
        "version": line.version,
        "tests": found.ran,
        "as_without": found.as_without,
        "failed_without": len(found.failed_without),
        "listed": len(found.listed),
        "new": len(found.new),
    }
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    head, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}{table(results, differences())}{END}{tail}")


def table(results: Mapping[str, Any], listed: Iterable[Difference]) -> str:
    """What the docs show: each suite, then the listed differences with their reasons."""
    rows = ["", "| tests of | version | " + " | ".join(NAMES.values()) + " |", "|---|---|---|---|---|"]
    for suite in SUITES:
        if suite.missing:
            continue
        found = [results[key] for key in results if key.split()[0] == suite.name]
        cells = [_cell(suite, database, results) for database in DATABASES]
        rows.append(f"| {suite.title} | {found[-1]['version'] if found else ''} | {' | '.join(cells)} |")
    if missing := [suite for suite in SUITES if suite.missing]:
        rows += ["", "These suites could not be run:", "", "| tests of | reason |", "|---|---|"]
        rows += [f"| {suite.title} | {suite.missing} |" for suite in missing]
    if ordered := sorted(listed, key=lambda item: item.reason):
        rows += ["", "These tests fail with the app, for these reasons:", "", "| reason | tests |", "|---|---|"]
    for reason, items in groupby(ordered, key=lambda item: item.reason):
        tests = sorted({f"`{item.test}`" for item in items})
        rows.append(f"| {reason} | {', '.join(tests)} |")
    return "\n".join(rows) + "\n\n"


def _cell(suite: Suite, database: str, results: Mapping[str, Any]) -> str:
    if database not in suite.databases:
        return ""
    parts = []
    for capture in CAPTURES:
        found = results.get(f"{suite.name} {database} {capture}")
        if found is None:
            continue
        others = [f"{found[name]} {name}" for name in ("listed", "new") if found[name]]
        parts.append(f"{capture}: {', '.join([str(found['as_without']), *others])}")
    return "<br>".join(parts)
