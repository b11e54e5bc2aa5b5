"""A daphne that takes tokens, for the examples of the docs; and the docs as a site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.connections.transports.conftest import server
from tests.docs.pages import DOCS, ROOT
from tests.hostile.conftest import daphne

__all__ = ["daphne", "server"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; a warning fails the test."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-d", str(folder / "trees")]
    done = subprocess.run(
        [*command, str(DOCS), str(folder / "html")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"
