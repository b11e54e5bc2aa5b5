"""Runs: a suite with one capture, or without the app, on one database; and how each of its tests ended."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compat.sources import BUILD, ROOT
from compat.suites import Suite
from tests.support.addresses import database
from tests.support.services import url

PLUGIN = ROOT / "compat" / "plugin"
BASELINE = "without"
SECONDS = 3600  # of one process


@dataclass(frozen=True)
class Run:
    """One suite on one database, with one capture or (`BASELINE`) without the app."""

    suite: Suite
    database: str
    capture: str
    source: Path
    python: Path
    part: bool = False
    """Only some labels are run, whose results stand beside those of the whole."""

    @property
    def folder(self) -> Path:
        name = f"{self.suite.name}-part" if self.part else self.suite.name
        return BUILD / "results" / name / self.database / self.capture

    def execute(self, groups: Sequence[Sequence[str]], *, jobs: int = 1) -> dict[str, Result]:
        """Run the suite, a process for each group of labels, and return the results by the tests' ids."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self._process, range(len(groups)), groups))
        return self.results()

    def results(self) -> dict[str, Result]:
        """The results of the last execution."""
        found: dict[str, Result] = {}
        for file in sorted(self.folder.glob("*.jsonl")):
            for result in _read(file):
                if result.test in self.suite.timed:
                    continue
                if result.test not in found or result.outcome == "failed":
                    found[result.test] = result
        return found

    def failing(self, groups: Sequence[Sequence[str]], excused: Collection[str]) -> list[Sequence[str]]:
        """Those groups of the last execution in which a test failed that is not excused."""
        return [
            labels
            for number, labels in enumerate(groups)
            if any(
                result.outcome == "failed" and result.test not in {*excused, *self.suite.timed}
                for result in _read(self.folder / f"{number}.jsonl")
            )
        ]

    def _process(self, number: int, labels: Sequence[str]) -> None:
        log, results = self.folder / f"{number}.log", self.folder / f"{number}.jsonl"
        started = time.monotonic()
        command = [str(self.python), "-m", "realtime_compat", *self.suite.command, *labels]
        with log.open("w") as output:
            try:
                code = subprocess.run(
                    command,
                    cwd=self.source / self.suite.folder,
                    env=self._environment(results, number),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
            output.write(f"\n# exit {code} after {time.monotonic() - started:.0f} s: {' '.join(command)}\n")
        # a process that ends before all tests have run reports so by no test's result
        failures = sum(result.outcome == "failed" for result in _read(results)) if results.exists() else 0
        if code not in (0, 1, failures) or not results.exists():  # some runners return the number of failures
            failure = {"test": f"process {number}", "outcome": "failed", "detail": log.read_text()[-4000:]}
            with results.open("a") as file:
                file.write(json.dumps(failure) + "\n")

    def _environment(self, results: Path, number: int) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PYTHON", "PYTEST", "REALTIME_")) and name != "CI"
        }
        suite = self.suite.name.replace("-", "_")  # one that fails may leave its databases to the next
        added: Mapping[str, str] = {
            "PYTHONPATH": str(PLUGIN),
            "REALTIME_COMPAT_RESULTS": str(results),
            "REALTIME_COMPAT_CAPTURE": "" if self.capture == BASELINE else self.capture,
            "REALTIME_COMPAT_DATABASE": "" if self.database == "sqlite" else json.dumps(database(url(self.database))),
            "REALTIME_COMPAT_SETTINGS": repr(dict(self.suite.settings)),
            "REALTIME_COMPAT_NAME": f"compat_{os.getpid()}_{suite}_{self.capture[:2]}_{number}",
            **self.suite.environment,
        }
        return inherited | added


def _read(file: Path) -> Iterator[Result]:
    for line in file.read_text().splitlines():
        yield Result(**json.loads(line))


@dataclass(frozen=True)
class Result:
    """How one test ended."""

    test: str
    outcome: str
    detail: str = ""
