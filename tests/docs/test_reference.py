"""The reference is that of the source: settings with their defaults, and tests that the threat model names."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import realtime
from realtime import testing
from realtime.conf import PREFIX, Settings, names
from realtime.protocol.messages import VERSION

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text()
API = (ROOT / "docs" / "reference" / "api.md").read_text()
TESTING = (ROOT / "docs" / "reference" / "testing.md").read_text()
THREATS = (ROOT / "docs" / "explanation" / "threat-model.md").read_text()


def test_each_setting_stands_in_the_reference_once_with_its_default():
    table = re.findall(r"^\| `(REALTIME_\w+)` \| `([^`]*)` \|", SETTINGS, re.MULTILINE)
    assert sorted(name for name, _ in table) == sorted(names())
    for name, text in table:
        default = vars(Settings)[name.removeprefix(PREFIX)]
        assert ast.literal_eval(text) == (dict(default) if isinstance(default, Mapping) else default), name


def test_each_public_name_stands_in_the_reference_with_a_docstring():
    documented = re.findall(r"^\.\. auto(?:class|function|exception):: realtime\.(\w+)$", API, re.MULTILINE)
    assert sorted(documented) == sorted(realtime.__all__)
    assert [name for name in realtime.__all__ if not getattr(realtime, name).__doc__] == []


def test_each_name_for_tests_stands_in_the_reference_with_a_docstring():
    documented = re.findall(r"^\.\. auto(?:class|function):: realtime\.testing\.(\w+)$", TESTING, re.MULTILINE)
    assert sorted(documented) == sorted(testing.__all__)
    assert [name for name in testing.__all__ if not getattr(testing, name).__doc__] == []


def test_each_fixture_stands_in_the_reference():
    source = (ROOT / "pytest_realtime.py").read_text()
    named = set(re.findall(r'fixture\(name="(\w+)"\)', source)) | set(re.findall(r"fixture\ndef (\w+)", source))
    assert set(re.findall(r"^\| `(\w+)` \|", TESTING, re.MULTILINE)) == named


def named_tests() -> list[str]:
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", THREATS)))


@pytest.mark.parametrize("name", named_tests())
def test_each_test_of_the_threat_model_is_there(name):
    path, _, test = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    found = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    assert not test or test in found


def test_each_threat_names_a_test():
    rows = [line for line in THREATS.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row] == []


def test_policy_for_versions_names_the_protocol_as_it_is():
    policy = (ROOT / "docs" / "explanation" / "versioning.md").read_text()

    assert re.search(r"The protocol has a number of its own, now (\d+),", policy)[1] == str(VERSION)
