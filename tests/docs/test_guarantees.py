"""The pages of guarantees and of isolation name the tests that prove each promise: they have to exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/explanation/guarantees.md").read_text()
ISOLATION = (ROOT / "docs/explanation/isolation.md").read_text()
NAMES = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT + ISOLATION)))
PROMISES = re.split(r"^### (?=\d\. )", TEXT.partition("## Limits")[0], flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_named_exists(name):
    path, *inside = name.split("::")
    assert (ROOT / path).exists()
    body = ast.parse((ROOT / path).read_text()).body if inside else []
    for part in inside:
        found = [node for node in body if getattr(node, "name", None) == part]
        assert found, f"{path} has no {part}"
        body = getattr(found[0], "body", [])


@pytest.mark.parametrize("promise", PROMISES, ids=[promise[:1] for promise in PROMISES])
def test_each_promise_names_a_test(promise):
    assert re.search(r"^- `tests/[^`:]+\.py::(?:Test\w+::)?test_\w+`", promise, re.MULTILINE)


def test_all_promises_are_there():
    assert [promise[:1] for promise in PROMISES] == list("12345678")
