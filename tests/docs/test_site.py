"""The site builds without a warning, and leads readers and language models to every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import INCLUDED, page_names

# With the tests that open the site in a browser, so that it is built once in a run of all tests.
pytestmark = pytest.mark.browser

PAGES = [*(page for page in page_names() if page != "../README"), *INCLUDED]


def test_every_page_is_built(site: Path):
    assert [page for page in PAGES if not (site / f"{page}.html").is_file()] == []


def test_llms_txt_lists_every_page_with_its_source(site: Path):
    listed = (site / "llms.txt").read_text()
    assert listed.startswith("# django-live-queries\n\n> A Django app")
    missing = [page for page in PAGES if page != "index" and f"_sources/{page}.md.txt)" not in listed]
    assert missing == []
    assert [page for page in PAGES if not (site / "_sources" / f"{page}.md.txt").is_file()] == []


def test_site_has_a_face_of_its_own(site: Path):
    page = (site / "index.html").read_text()
    assert "logo.svg" in page
    assert "logo-dark.svg" in page
    assert "realtime.css" in page
    assert "#4b57c9" in page
    assert (site / "search.html").is_file()


def test_each_column_of_a_table_has_a_name(site: Path):
    """By which a screen reader tells what a cell is about."""
    empty = re.compile(r'<th class="head">\s*(<p>\s*</p>)?\s*</th>')
    assert [page for page in PAGES if empty.search((site / f"{page}.html").read_text())] == []
