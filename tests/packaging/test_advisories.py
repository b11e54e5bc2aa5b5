"""No floor of a dependency is a version with a published advisory, as far as the list beside this file knows."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIST = tomllib.loads((Path(__file__).with_name("advisories.toml")).read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def floors() -> dict[str, str]:
    """The lowest version that is allowed, by package."""
    named = [*PROJECT["dependencies"], *(each for some in PROJECT["optional-dependencies"].values() for each in some)]
    found = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:,.*)?", each) for each in named]
    return {match[1]: match[2] for match in found if match}


def test_each_dependency_has_a_floor():
    count = len(PROJECT["dependencies"])
    assert len(floors()) >= count
    assert set(floors()) >= {"django", "channels", "daphne", "msgspec"}


@pytest.mark.parametrize("advisory", LIST["advisory"], ids=lambda each: f"{each['package']} {each['id'][:20]}")
def test_floor_is_mended(advisory: dict[str, Any]):
    floor = floors()[advisory["package"]]
    assert version(floor) >= version(advisory["fixed"]) or advisory["package"] in LIST["accepted"], advisory
    assert advisory["published"] <= LIST["checked"] <= date.today()


def test_nothing_is_accepted_without_need():
    floor = floors()
    low = {each["package"] for each in LIST["advisory"] if version(floor[each["package"]]) < version(each["fixed"])}
    assert set(LIST["accepted"]) == low
