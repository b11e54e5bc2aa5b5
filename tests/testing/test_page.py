"""A page in a browser, tested as a project would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import browser_program
from tests.support.waiting import seconds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.browser
def test_example_of_a_page_on_a_bad_network(pytestconfig: pytest.Config) -> None:
    """In a process of its own: here, tests with a browser leave the ORM alone."""
    browser_program(pytestconfig, "chromium")
    env = {name: value for name, value in os.environ.items() if name != "REALTIME_TEST_RUN"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_realtime", "tests/testing/example_page.py"],
        cwd=ROOT,
        env={**env, "DJANGO_ALLOW_ASYNC_UNSAFE": "true"},
        capture_output=True,
        text=True,
        timeout=seconds(170),
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
