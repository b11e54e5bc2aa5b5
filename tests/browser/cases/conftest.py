"""What every case has: a page with a list whose rows are any markup, and another process that changes them."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.sync_api import Page

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.browser.writer import Writer
from tests.support.pages import expect

CREATE_TABLE = """
from django.db import connection
from tests.browser.site.models import Snippet
if Snippet._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Snippet)
"""
NAMES = """from django.db import models
from tests.browser.site.models import Snippet
from tests.support.pages import expect
snippets = Snippet.objects.filter(project=pk)
"""
OPENING = re.compile(r"<[a-z-]+")


class Case:
    """A page with rows of the test's own markup. Rows are named by their place at the beginning, from 0."""

    page: Page

    def __init__(self, board: Board, desk: Desk) -> None:
        self.board = board
        self.desk = desk
        self._numbers = count(1)

    def open(
        self,
        *rows: str,
        container: str = "ul",
        before: str = "",
        after: str = "",
        wrap: str = "%s",
        live: bool = True,
        page: Page | None = None,
        **policy: str,
    ) -> Page:
        """A window with these rows, live. `before` and `after` stand around the list."""
        self.write(
            "Snippet.objects.bulk_create(Snippet(project_id=pk, html=h, position=n) for n, h in rows)", rows=rows
        )
        tag = f'{{% live "snippets" project=PK container="{container}" %}}'
        path = self.board.page(before + wrap % tag + after, **policy)
        self.page = self.desk.open_live("ada", path, page=page) if live else self.desk.open("ada", path, page=page)
        return self.page

    def say(self, html: str, row: int = 0) -> None:
        """Change a row, and wait until the page shows it."""
        number = str(next(self._numbers))
        marked = OPENING.sub(lambda match: f'{match[0]} data-said="{number}"', html, count=1)
        self.write("snippets.filter(position=row).update(html=html)", row=row, html=marked)
        expect(self.page.locator(f'[data-said="{number}"]')).to_be_attached()

    def write(self, code: str, **names: object) -> None:
        """Run code in another process; `snippets` in it are the rows of this page."""
        if "rows" in names:
            names["rows"] = list(enumerate(names["rows"]))  # type: ignore[call-overload]
        self.board.writer(f"{NAMES}with transaction.atomic():\n    {code}", pk=self.board.pk, **names)


@pytest.fixture(scope="package")
def snippets(writer: Writer) -> None:
    writer(CREATE_TABLE)


@pytest.fixture
def case(snippets: None, board: Board, desk: Desk) -> Case:
    return Case(board, desk)
