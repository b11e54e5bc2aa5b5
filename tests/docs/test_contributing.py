"""CONTRIBUTING.md names files, commands and lines that are there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from realtime.queries.livequery import LiveQuery

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGES = ("", "connections/", "connections/transports/", "hub/", "queries/", "protocol/")
FOLDERS = ("", "compat/", *(f"realtime/{package}" for package in PACKAGES))
PATHS = sorted(set(re.findall(r"`((?:[\w.-]+/)*[\w.-]+(?:\.(?:py|js|md|json|toml|txt)|/))`", TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_path_is_there(path):
    made = ("build/", ".venv/", "urls.py", "streams.py")  # by the tools, or in a project of the reader's
    assert path.startswith(made) or any((ROOT / folder / path).exists() for folder in FOLDERS)


def test_make_targets_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", TEXT)) <= targets


def test_line_to_turn_around_is_the_only_one_of_its_kind():
    assert inspect.getsource(LiveQuery._delta_of).count("key not in rows") == 1
