"""Sphinx: the documentation as a site. `make docs` builds it into build/docs, with warnings as errors."""

import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")

import django  # noqa: E402

django.setup()

from realtime import __version__  # noqa: E402

URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]

project = "django-live-queries"
author = "The developers of django-live-queries"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "accessibility", "llms"]
if importlib.util.find_spec("sphinx_copybutton"):  # without it, the pages have no copy buttons
    extensions.append("sphinx_copybutton")
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

copybutton_prompt_text = "$ "

smartquotes = False  # options such as --workers keep their hyphens

html_theme = "furo"
html_title = "django-live-queries"
html_baseurl = URLS["Documentation"]
html_static_path = ["_static"]
html_css_files = ["realtime.css"]
html_favicon = "_static/logo.svg"
# The colours of the demo's pages, light and dark.
html_theme_options = {
    "light_logo": "logo.svg",
    "dark_logo": "logo-dark.svg",
    "source_repository": URLS["Homepage"],
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {
        "color-brand-primary": "#4b57c9",
        "color-brand-content": "#4b57c9",
        "color-brand-visited": "#4b57c9",
        "color-foreground-primary": "#1d2130",
        "color-foreground-secondary": "#5a6072",
        "color-background-primary": "#ffffff",
        "color-background-secondary": "#f4f5f8",
        "color-background-border": "#d9dce4",
        "color-inline-code-background": "#e9ebf0",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8d97ff",
        "color-brand-content": "#8d97ff",
        "color-brand-visited": "#8d97ff",
        "color-foreground-primary": "#e8eaf1",
        "color-foreground-secondary": "#a2a9bc",
        "color-background-primary": "#14161d",
        "color-background-secondary": "#1b1e27",
        "color-background-border": "#353a49",
        "color-inline-code-background": "#232733",
    },
}


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
