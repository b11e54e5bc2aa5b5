"""Results: appends how each test ended to a file, whichever runner runs it."""

from __future__ import annotations

import functools
import json
import os
import traceback
import unittest
from pathlib import Path
from typing import Any

_file: Path | None = None

OUTCOMES = {
    "addSuccess": "passed",
    "addError": "failed",
    "addFailure": "failed",
    "addSkip": "skipped",
    "addExpectedFailure": "passed",
    "addUnexpectedSuccess": "failed",
}


def record(file: Path) -> None:
    """Append the outcomes to this file from now on."""
    global _file
    _file = file
    for name, outcome in OUTCOMES.items():
        _wrap(name, outcome)
    _wrap_subtests()


def write(test: str, outcome: str, detail: str = "") -> None:
    if _file is None:
        raise RuntimeError("`record` has not been called.")
    line = json.dumps({"test": test, "outcome": outcome, "detail": detail}) + "\n"
    # one write, since parallel workers append to the same file
    descriptor = os.open(_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def _wrap(name: str, outcome: str) -> None:
    original = getattr(unittest.TestResult, name)

    @functools.wraps(original)
    def method(self: Any, test: Any, *args: Any) -> Any:
        write(test.id(), outcome, _detail(args[0]) if args else "")
        return original(self, test, *args)

    setattr(unittest.TestResult, name, method)


def _wrap_subtests() -> None:
    original = unittest.TestResult.addSubTest

    @functools.wraps(original)
    def method(self: Any, test: Any, subtest: Any, error: Any) -> Any:
        if error is not None:
            write(test.id(), "failed", f"{subtest.id()}\n{_detail(error)}")
        return original(self, test, subtest, error)

    unittest.TestResult.addSubTest = method  # type: ignore[method-assign]


def _detail(value: Any) -> str:
    if isinstance(value, tuple):
        return "".join(traceback.format_exception(*value))[-6000:]
    return str(value)
