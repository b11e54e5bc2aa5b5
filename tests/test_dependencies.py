"""What the package asks for, what the tests install, and what the docs tell to install are the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

WITH_DAPHNE = {"autobahn", "twisted"}  # which says what the lowest are

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "realtime").rglob("*.py")]


def lowest(requirements: list[str]) -> dict[str, str]:
    """The lowest version of each, by the package with its extras."""
    found = [re.match(r"([\w.\[\]-]+)>=([\w.]+)", line) for line in requirements]
    return {match[1].lower(): match[2] for match in found if match}


def upper(requirements: list[str]) -> dict[str, str]:
    """The bound that no version reaches, by the package."""
    found = [re.match(r"([\w.-]+)(?:\[[\w,]+\])?[^#;<]*<([\w.]+)", line) for line in requirements]
    return {match[1].lower(): match[2] for match in found if match}


def numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def test_requirements_have_the_lower_bounds_of_the_package():
    assert lowest(lines("requirements.txt")) == lowest(PROJECT["dependencies"])


def test_tests_have_the_lower_bounds_of_the_extras():
    declared = lowest([requirement for extra in EXTRAS.values() for requirement in extra])
    assert declared.items() <= lowest(lines("requirements-dev.txt")).items()


def test_each_dependency_has_a_lower_bound_to_test():
    declared = [*PROJECT["dependencies"], *[requirement for extra in EXTRAS.values() for requirement in extra]]
    done = subprocess.run([sys.executable, "scripts/lowest"], cwd=ROOT, capture_output=True, text=True, check=True)
    constraints = dict(line.split("==") for line in done.stdout.splitlines())
    assert constraints == {name.partition("[")[0]: bound for name, bound in lowest(declared).items()}
    assert len(constraints) == len(set(declared)) - len(WITH_DAPHNE)


def test_each_dependency_has_the_upper_bound_that_is_tested():
    declared = [*PROJECT["dependencies"], *[requirement for extra in EXTRAS.values() for requirement in extra]]
    tested = upper([*lines("requirements.txt"), *lines("requirements-dev.txt")])
    for name, bound in upper(declared).items():
        assert tested[name] == bound, name
        assert numbers(version(name)) < numbers(bound), name
    assert len(upper(declared)) == len({re.match(r"[\w.-]+", line)[0] for line in declared})


def test_extras_that_are_named_exist():
    named = {extra for page in PAGES for extra in re.findall(r"django-live-queries\[(\w+)\]", page.read_text())}
    assert named
    assert named <= set(EXTRAS)


def test_no_daphne_is_allowed_that_reads_messages_of_any_size():
    """Before 4.2.2 one connection without login filled the memory, and headers could be smuggled."""
    bound = lowest(PROJECT["dependencies"])["daphne"]
    assert tuple(map(int, bound.split("."))) >= (4, 2, 2)
