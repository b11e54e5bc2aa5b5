"""The plugin of pytest that appends how each test ended."""

from __future__ import annotations

from typing import Any

from realtime_compat.results import write


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        write(report.nodeid, "failed", report.longreprtext[-6000:])
    elif report.when == "call" or report.skipped:
        write(report.nodeid, report.outcome)


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        write(report.nodeid, "failed", report.longreprtext[-6000:])
