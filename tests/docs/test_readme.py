"""The README says what is so: its order, its badges, its pictures."""

from __future__ import annotations

import re
import tomllib

from PIL import Image

from tests.docs.pages import ROOT, text

README = text("../README")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_sections_stand_in_the_order_of_a_reader():
    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == [
        "Install",
        "A complete example",
        "What you get",
        "Learn more",
        "Work on it",
        "When not to use it",
    ]


def test_badges_are_true():
    versions = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r"Django :: \d", name)]
    badges = re.findall(r"img\.shields\.io/badge/([^)]+)-\w+\)", README)
    assert badges == [
        f"python-{PROJECT['requires-python'].removeprefix('>=')}%2B",
        f"django-{'%20%7C%20'.join(versions)}",
        f"license-{PROJECT['license'].replace('-', '--')}",
    ]


def test_table_has_six_promises_with_their_limits():
    rows = re.findall(r"^\| \*\*[^|]+\*\* \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
    assert len(rows) == 6


def test_picture_is_animated_and_described():
    [(description, path)] = re.findall(r"!\[([^\]]+)\]\(\S+/main/(docs/images/\S+\.webp)\)", README)
    with Image.open(ROOT / path) as picture:
        assert picture.n_frames > 5
    assert "network" in description
    assert (ROOT / path).stat().st_size < 1_000_000


def test_example_of_the_readme_is_that_of_the_tutorial():
    """Two introductions that differ would be one too many."""

    def lines(content: str) -> set[str]:
        code = re.findall(r"^```(?:python|html\+django)\n(.*?)^```", content, re.MULTILINE | re.DOTALL)
        return {line for block in code if ": replace it" not in block for line in block.splitlines() if line}

    assert lines(README) == lines(text("start/tutorial"))
