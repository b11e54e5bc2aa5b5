"""Comparison: the tests that end worse with the app than without it, less those that the committed list excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compat.runs import Result

LIST = Path(__file__).parent / "differences.txt"
ANY = "*"


@dataclass(frozen=True)
class Difference:
    """A line of the list: a test that fails with the app, and why that cannot be otherwise."""

    suite: str
    database: str
    capture: str
    test: str
    reason: str

    def covers(self, suite: str, database: str, capture: str) -> bool:
        return self.suite == suite and self.database in (ANY, database) and self.capture in (ANY, capture)


def differences(file: Path = LIST) -> list[Difference]:
    """The committed list. Raise `ValueError` for a line that says no reason."""
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where, _, reason = line.partition(" # ")
        parts = where.split(maxsplit=3)
        if not reason.strip() or len(parts) != 4:
            raise ValueError(
                f"{file.name}, line {number}: {line!r} is no difference. "
                "Write: suite, database or *, capture or *, test, then # and the reason."
            )
        suite, database, capture, test = parts
        found.append(Difference(suite, database, capture, test.strip(), reason.strip()))
    return found


@dataclass
class Comparison:
    """What a run with the app shows beside the same run without it."""

    ran: int = 0
    as_without: int = 0
    failed_without: list[str] = field(default_factory=list)
    new: list[Result] = field(default_factory=list)
    listed: list[Difference] = field(default_factory=list)
    stale: list[Difference] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether anything ran, nothing ended worse that is not listed, and nothing listed ended well."""
        return self.as_without > 0 and not self.new and not self.stale


def compare(without: Mapping[str, Result], given: Mapping[str, Result], listed: Sequence[Difference]) -> Comparison:
    """Compare the results by the tests' ids; `listed` are the differences of this suite, database and capture.

    A listed test that ends well is stale. One that is not there is not: other versions have it, or other labels.
    """
    found = Comparison(ran=len(without))
    excuses = {difference.test: difference for difference in listed}
    for test in sorted({**without, **given}):
        before, after = without.get(test), given.get(test)
        if before is not None and before.outcome == "failed":
            found.failed_without.append(test)
        elif _is_as_good(before, after):
            found.as_without += before is not None
        elif test in excuses:
            found.listed.append(excuses[test])
        else:
            found.new.append(after or Result(test, "missing", "It was not run."))
    found.stale = [
        difference
        for difference in listed
        if difference not in found.listed and difference.test in given and difference.test not in found.failed_without
    ]
    return found


def _is_as_good(before: Result | None, after: Result | None) -> bool:
    """Whether a test that did not fail without the app (None: was not there) ended as well with it."""
    if after is None or after.outcome == "failed":
        return False
    return before is None or before.outcome == "skipped" or after.outcome == "passed"
