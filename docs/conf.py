"""Sphinx: the documentation as a site. `make docs` builds it into build/docs, with warnings as errors."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")

import django  # noqa: E402

django.setup()

from realtime import __version__  # noqa: E402

project = "realtime"
author = "The developers of realtime"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images"]
nitpicky = True
# Django's and the standard library's own names are not part of this site; the Python client has a page in words.
nitpick_ignore_regex = [
    ("py:.*", r"(?!realtime).*"),
    ("py:.*", r".*\.(Stream|Method)"),
    ("py:.*", r"realtime\.client\..*"),
]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
add_module_names = False

html_theme = "furo"
html_title = f"realtime {release}"


def from_markdown(app, what, name, obj, options, lines):
    """Docstrings are written as Markdown: one backtick for code, an indented block for an example."""
    given, lines[:] = list(lines), []
    inside = False
    for line in given:
        indented = line.startswith("    ")
        if indented and not inside:
            lines += ["::", ""]
        inside = indented or (inside and not line)
        lines.append(line if inside else re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line))


def setup(app):
    app.connect("autodoc-process-docstring", from_markdown)
