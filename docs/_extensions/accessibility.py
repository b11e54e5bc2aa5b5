"""Mends what the theme leaves out of its pages for screen readers and the keyboard, as axe-core names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

REPLACEMENTS = [
    (r'class="caption" role="heading"(?! aria)', r'class="caption" role="heading" aria-level="2"'),
    (r'<aside class="sidebar-drawer">', r'<aside class="sidebar-drawer" aria-label="All pages">'),
    (r'<aside class="toc-drawer', r'<aside aria-label="This page" class="toc-drawer'),
    (
        r'<div class="content-icon-container">',
        r'<div class="content-icon-container" role="navigation" aria-label="Source">',
    ),
    (r'<div id="search-results">', r'<h1>Search</h1>\n<div id="search-results">'),
    # what scrolls is reached by the keyboard
    (r'<div class="table-wrapper', r'<div tabindex="0" class="table-wrapper'),
    (r"<pre>", r'<pre tabindex="0">'),
]


def mend(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern, replacement in REPLACEMENTS:
            text = re.sub(pattern, replacement, text)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True}
