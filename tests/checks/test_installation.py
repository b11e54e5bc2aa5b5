"""Another maker's package of the name `realtime` is named, whichever of the two was installed first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import realtime
from realtime.checks.installation import check_installation

PACKAGE = Path(realtime.__file__).parent
THEIRS = "from realtime.version import __version__\n"
SITE = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "realtime"], SECRET_KEY="s")
django.setup()
"""


def distribution(folder: Path, name: str, version: str, *files: str) -> None:
    """What pip leaves behind of a distribution."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))


def test_other_distribution_is_an_error(tmp_path, monkeypatch):
    distribution(tmp_path, "realtime", "2.34.1", "realtime/__init__.py", "realtime/_async/client.py")
    distribution(tmp_path, "django-live-queries", "0.1.0", "realtime/__init__.py")
    distribution(tmp_path, "realtime-board", "1.0", "realtime_board/__init__.py", "board/realtime/__init__.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    [error] = check_installation(None)
    assert error.id == "realtime.E035"
    assert error.msg == (
        "The distribution realtime 2.34.1 also installs a package `realtime`, into the directory of "
        "django-live-queries."
    )
    assert error.hint == (
        "Only one of them can be in an environment. Run `pip uninstall realtime`, then `pip install "
        "--force-reinstall --no-deps django-live-queries`, because both installed files into the same directory."
    )


def test_alone_it_says_nothing():
    assert check_installation(None) == []


def start(folder: Path) -> str:
    """What a site says that finds the package in this folder."""
    done = subprocess.run(
        [sys.executable, "-c", SITE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "realtime", ignore=shutil.ignore_patterns("__pycache__", "static"))
    return tmp_path


def test_package_that_was_overwritten_does_not_start_without_saying_why(copy):
    (copy / "realtime" / "__init__.py").write_text(THEIRS)
    (copy / "realtime" / "version.py").write_text('__version__ = "2.34.1"\n')
    (copy / "realtime" / "exceptions.py").write_text("class AuthorizationError(Exception): ...\n")
    distribution(copy, "realtime", "2.34.1", "realtime/__init__.py", "realtime/exceptions.py")
    said = start(copy)
    assert "ImproperlyConfigured: Files of django-live-queries are overwritten by realtime 2.34.1" in said
    assert "Run `pip uninstall realtime`" in said


def test_package_that_the_other_took_along_says_why(copy):
    (copy / "realtime" / "__init__.py").unlink()
    said = start(copy)
    assert "ImproperlyConfigured: Files of django-live-queries are missing" in said
