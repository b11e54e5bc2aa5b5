"""The changelog keeps up with the version."""

import re
from pathlib import Path

from realtime import __version__

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def test_the_newest_section_is_that_of_the_version():
    newest = re.search(r"^## (\S+)", CHANGELOG.read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == __version__
