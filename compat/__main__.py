"""Runs other people's tests with every model live, beside the same run without the app.

`python -m compat` runs everything, for hours; suites, databases and captures can be named:

    python -m compat django --database sqlite --capture orm --labels transactions update
    python -m compat treebeard wagtail
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from compat import report
from compat.comparison import compare, differences
from compat.runs import BASELINE, Result, Run
from compat.sources import NotAvailable, environment, source
from compat.suites import (
    CAPTURES,
    DATABASES,
    DJANGO,
    DJANGO_WRITING,
    SUITES,
    WRITING,
    Suite,
    django_groups,
    requirements,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="compat", description="Other people's tests, with every model live.")
    parser.add_argument("suites", nargs="*", help=f"some of: {', '.join(suite.name for suite in SUITES)}")
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--capture", action="append", choices=CAPTURES)
    parser.add_argument("--labels", nargs="+", help="labels of Django's tests, in place of all that touch the ORM")
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--keep", action="store_true", help="take the last results of the run without the app")
    parser.add_argument(
        "--lazily", action="store_true", help="without the app only those labels of which a test fails"
    )
    parser.add_argument("--record", action="store_true", help="put the results of whole suites into the docs")
    options = parser.parse_args()
    if unknown := set(options.suites) - {suite.name for suite in SUITES}:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")

    lines: list[report.Line] = []
    for suite in SUITES:
        if options.suites and suite.name not in options.suites:
            continue
        for line in compared(
            suite,
            databases=options.database or DATABASES,
            captures=options.capture or CAPTURES,
            labels=options.labels,
            jobs=options.jobs,
            keep=options.keep,
            lazily=options.lazily,
        ):
            print(line.summary, flush=True)
            lines.append(line)
            report.write(lines)
            if options.record and not options.labels:
                report.keep(line)
    print(f"The report: {report.REPORT}")
    return 0 if all(line.is_good for line in lines) else 1


def compared(
    suite: Suite,
    *,
    databases: Sequence[str] = DATABASES,
    captures: Sequence[str] = CAPTURES,
    labels: Sequence[str] | None = None,
    jobs: int = 1,
    keep: bool = False,
    lazily: bool = False,
) -> Iterator[report.Line]:
    """Compare a suite, or what its labels name, on each of the databases, with each of the captures.

    `keep` takes the last results without the app. `lazily` runs without the app only those groups of labels of which a
    test fails with it that is not listed; what passes with the app is taken to pass without it.
    """
    if suite.missing:
        yield report.Line(suite, missing=suite.missing)
        return
    try:
        folder = source(suite)
        python = environment(suite.shares or suite.name, requirements(suite))
    except NotAvailable as error:
        yield report.Line(suite, missing=str(error))
        return
    version = folder.parent.name.partition("==")[2]
    groups = django_groups(folder) if suite is DJANGO else ((),)
    if suite is DJANGO_WRITING:
        labels = WRITING.split()
    if labels:
        groups = (tuple(labels),)
    for database in databases:
        if database not in suite.databases:
            continue
        part = bool(labels) and not suite.part_of
        plain = Run(suite, database, BASELINE, folder, python, part=part)
        without = plain.results() if keep else {}
        for capture in captures:
            listed = [item for item in differences() if item.covers(suite.part_of or suite.name, database, capture)]
            run = Run(suite, database, capture, folder, python, part=part)
            given = run.execute(groups, jobs=jobs)
            if lazily:
                excused = {difference.test for difference in listed}
                failing = run.failing(groups, excused)
                without = {
                    test: result if result.outcome != "failed" else Result(test, "passed")
                    for test, result in given.items()
                    if result.outcome != "failed" or test in excused
                } | (plain.execute(failing, jobs=jobs) if failing else {})
            else:
                without = without or plain.execute(groups, jobs=jobs)
            yield report.Line(suite, version, database, capture, compare(without, given, listed))


if __name__ == "__main__":
    sys.exit(main())
