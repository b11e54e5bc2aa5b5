"""What the script of the structure measures, on a package of its own."""

from pathlib import Path

import pytest

from scripts import structure

FILES = {
    "hub/hub.py": '"""Whoever reads this."""\n\n\nclass Hub:\n    def take(self): ...\n',
    "hub/pool.py": "class Hub:\n    def take(self):\n        n = 1\n",
    "streams/pool.py": "class Registry: ...\n",
    "client/pool.py": "class Hub: ...\n",
    "changelog/mysql.py": "",
    "capture/mysql.py": "",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "realtime" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("The road is long.\n\n    road = 1\n\nA `road` is code, and x is no word.\n")
    monkeypatch.setattr(structure, "ROOT", tmp_path)
    return tmp_path


def test_size_of_a_package_is_its_lines(package):
    assert structure.sizes() == {"hub": 8, "streams": 1, "client": 1, "changelog": 0, "capture": 0}


def test_core_is_without_the_client(package):
    assert structure.core_lines() == 9


def test_class_that_exists_twice_is_named_with_its_files(package):
    assert structure.class_doubles() == {"Hub": ["hub/hub.py", "hub/pool.py"]}


def test_module_that_exists_twice_is_named_unless_each_database_has_one(package):
    assert structure.module_doubles() == {"pool": ["hub/pool.py", "streams/pool.py"]}


def test_name_of_many_methods_is_counted(package, monkeypatch):
    monkeypatch.setattr(structure, "MOST_METHODS", 1)

    assert structure.crowded_methods() == {"take": 2}


def test_name_of_one_letter_is_found(package):
    assert structure.single_letters() == ["realtime/hub/pool.py:3 n"]


def test_words_are_found_in_pages_and_docstrings_and_not_in_code(package):
    found = structure.words()

    assert found["road"] == {"README.md": 1, "CONTRIBUTING.md": 1}
    assert found["whoever"] == {"realtime/hub/hub.py": 1}
    assert structure.lone_letters() == ["README.md x", "CONTRIBUTING.md x"]


def test_budget_is_kept_shrinks_and_never_grows():
    budget = {"lines": 10, "words": 5}

    assert structure.above({"lines": 10, "words": 6}, budget) == [
        "words: 6, the budget in scripts/structure.json is 5."
    ]
    assert structure.shrunk({"lines": 8, "words": 6}, budget) == {"lines": 8, "words": 5}
