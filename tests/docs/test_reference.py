"""The reference is that of the source: settings with their defaults, and tests that the threat model names."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

import realtime
from realtime import testing
from realtime.conf import PREFIX, Limits, Settings, limit_names, names
from realtime.protocol.messages import VERSION
from realtime.templatetags import realtime as tags
from scripts import api_reference, recipe_lines

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text()
API = (ROOT / "docs" / "reference" / "api.md").read_text()
TESTING = (ROOT / "docs" / "reference" / "testing.md").read_text()
THREATS = (ROOT / "docs" / "explanation" / "threat-model.md").read_text()


def test_each_limit_stands_in_the_reference_once_with_its_default():
    table = re.findall(r"^\| `([a-z_]+)` \| `([^`]*)` \|", SETTINGS, re.MULTILINE)
    assert [(name, float(default)) for name, default in table] == [
        (name, float(vars(Limits)[name])) for name in limit_names()
    ]


def test_each_setting_stands_in_the_reference_once_with_its_default():
    table = re.findall(r"^\| `(REALTIME_\w+)` \| `([^`]*)` \|", SETTINGS, re.MULTILINE)
    assert sorted(name for name, _ in table) == sorted(names())
    for name, text in table:
        default = vars(Settings)[name.removeprefix(PREFIX)]
        assert ast.literal_eval(text) == (dict(default) if isinstance(default, Mapping) else default), name


def test_each_public_name_stands_in_the_reference_with_a_docstring():
    documented = re.findall(r"^<!-- api realtime\.(\w+)(?:: [\w ]+)? -->$", API, re.MULTILINE)
    assert sorted(documented) == sorted(realtime.__all__)
    assert [name for name in realtime.__all__ if not getattr(realtime, name).__doc__] == []


def test_each_option_of_a_stream_stands_in_the_reference():
    [members] = re.findall(r"^<!-- api realtime\.ModelStream: ([\w ]+) -->$", API, re.MULTILINE)
    assert set(inspect.get_annotations(realtime.ModelStream)) - {"name"} <= set(members.split())


def test_each_name_for_tests_stands_in_the_reference_with_a_docstring():
    documented = re.findall(r"^<!-- api realtime\.testing\.(\w+)(?:: [\w ]+)? -->$", TESTING, re.MULTILINE)
    assert sorted(documented) == sorted(testing.__all__)
    assert [name for name in testing.__all__ if not getattr(testing, name).__doc__] == []


@pytest.mark.parametrize("path", api_reference.PAGES, ids=lambda path: path.stem)
def test_docstrings_in_the_reference_are_those_of_the_code(path):
    assert path.read_text() == api_reference.filled(path.read_text()), "Run: python -m scripts.api_reference"


def test_each_fixture_stands_in_the_reference():
    source = (ROOT / "pytest_realtime.py").read_text()
    named = set(re.findall(r'fixture\(name="(\w+)"\)', source)) | set(re.findall(r"fixture\ndef (\w+)", source))
    assert set(re.findall(r"^\| `(\w+)` \|", TESTING, re.MULTILINE)) == named


def named_tests() -> list[str]:
    return sorted(set(re.findall(r"`((?:browser/)?tests/[\w/.]+\.(?:py|js)(?:::\w+)?)`", THREATS)))


@pytest.mark.parametrize("name", named_tests())
def test_each_test_of_the_threat_model_is_there(name):
    path, _, test = name.partition("::")
    if path.endswith(".js"):
        assert (ROOT / path).is_file()
        return
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    found = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    assert not test or test in found


def test_each_threat_names_a_test():
    rows = [line for line in THREATS.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 20
    assert [row for row in rows if not re.search("`(browser/)?tests/", row)] == []


def test_policy_for_versions_names_the_protocol_as_it_is():
    policy = (ROOT / "docs" / "explanation" / "versioning.md").read_text()

    assert re.search(r"The protocol has its own version, now (\d+),", policy)[1] == str(VERSION)


def sections(page: str) -> dict[str, str]:
    """The text of each section of a page of the reference, by its heading."""
    parts = re.split(r"^## (.+)$", (ROOT / "docs" / "reference" / f"{page}.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options(section: str) -> set[str]:
    return set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))


# The options that a tag takes out of the stream's parameters, in its body.
TAKEN = {
    "live": {"class", "more", "page"},
    "live_pages": {"class"},
    "live_value": {"class"},
    "live_text": {"class"},
    "live_jobs": {"class"},
    "live_job": {"class"},
    "live_notifications": {"class"},
    "live_notification_count": {"class"},
    "live_unread": {"class"},
    "presence": {"class", "everyone", "watch"},
    "live_form": {"class", "next", "submit", "template"},
}


def test_each_template_tag_stands_in_the_reference_with_its_options():
    documented = sections("template-tags")
    assert set(documented) == set(tags.register.tags)
    for name, text in documented.items():
        signature = inspect.signature(getattr(tags, name))
        named = {"container", "share", "token_url"} & set(signature.parameters)
        assert options(text) == named | TAKEN.get(name, set()), name


def test_each_command_stands_in_the_reference_with_its_options():
    documented = sections("commands")
    assert set(documented) == {name for name, app in get_commands().items() if app == "realtime"}
    common = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    for name, text in documented.items():
        parser = load_command_class("realtime", name).create_parser("manage.py", name)
        own = {action.option_strings[0] for action in parser._actions if action.dest not in common}
        assert options(text) == own, name


def test_glossary_has_each_term_once_in_its_order():
    terms = re.findall(
        r"^\| (\*\*.+?\*\*) \|", (ROOT / "docs" / "reference" / "glossary.md").read_text(), re.MULTILINE
    )
    assert len(terms) > 30
    assert terms == sorted(set(terms), key=lambda term: term.strip("*"))


def test_lines_of_the_recipes_are_those_of_their_pages():
    page = recipe_lines.PAGE.read_text()
    assert page == recipe_lines.filled(page), "Run: python -m scripts.recipe_lines"
    assert set(recipe_lines.recipes()) == {path.stem for path in (ROOT / "docs" / "recipes").glob("*.md")} - {"index"}
    assert set(recipe_lines.OTHERS) <= set(recipe_lines.recipes())
