"""The plugin costs those nothing who do not use it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest_realtime
from realtime import testing

ROOT = Path(__file__).resolve().parents[2]


def test_loading_the_plugin_imports_neither_django_nor_the_package():
    code = (
        "import pytest, sys; before = set(sys.modules); import pytest_realtime;"
        "print(sorted(name for name in set(sys.modules) - before if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pytest_realtime']"


def test_fixtures_give_what_the_package_has(capture_pushes, viewer_of, connect_as):
    assert (capture_pushes, viewer_of, connect_as) == (testing.capture_pushes, testing.Viewer, testing.connect)


def test_plugin_declares_nothing_but_fixtures():
    hooks = [name for name, _ in inspect.getmembers(pytest_realtime, inspect.isfunction) if name.startswith("pytest_")]
    assert hooks == []
