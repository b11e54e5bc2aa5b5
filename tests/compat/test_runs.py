"""Runs: the end of a process is a failure of its own unless its tests' results explain it."""

import sys

import pytest

from compat import runs
from compat.runs import Run
from compat.suites import Suite

TESTS = """
import os, sys, unittest

class Some(unittest.TestCase):
    def test_a(self):
        self.fail("a")

    def test_b(self):
        self.fail("b")

    def test_c(self):
        pass

result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Some))
"""
ENDS = {
    "success": ("sys.exit(0)", set()),
    "failure": ("sys.exit(1)", set()),
    "number of failures": ("sys.exit(len(result.failures))", set()),
    "another number": ("sys.exit(3)", {"process 0"}),
    "signal": ("os.kill(os.getpid(), 9)", {"process 0"}),
}


@pytest.mark.parametrize("end", ENDS)
def test_end_of_a_process(end, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "BUILD", tmp_path)
    code, expected = ENDS[end]
    (tmp_path / "tests.py").write_text(TESTS + code)
    suite = Suite("some", "some", ("tests.py",), environment={"DJANGO_SETTINGS_MODULE": "tests.settings"})
    results = Run(suite, "sqlite", runs.BASELINE, tmp_path, sys.executable).execute([()])
    failed = {test for test, result in results.items() if result.outcome == "failed"}
    assert failed - {"__main__.Some.test_a", "__main__.Some.test_b"} == expected
    assert "__main__.Some.test_c" in results
