"""The board of a test: its project in the database, its cards in a window, and whether the two are equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from playwright.sync_api import Locator, Page

from tests.browser.writer import Writer
from tests.support.demo import DemoServer
from tests.support.waiting import wait_until

NEW_PROJECT = """
last = max(Project.objects.filter(pk__lt=2**31).values_list("pk", flat=True), default=0)
project = Project.objects.create(pk=last + 1, name="Test")  # scripts of tests hold it, also after one of 2**53
project.members.set(User.objects.filter(username__in=["ada", "ben"]))
for column, titles in columns.items():
    for title in titles:
        Task.objects.create(project=project, title=title, column=column, done=column == "done")
"""
COLUMNS = {"todo": ["One", "Two", "Three"], "doing": ["Four", "Five"]}

# Compares each live container of the page, row by row, with the same page as the server renders it now.
DIFFERENCES = """async () => {
    const answer = await fetch(location.href, {cache: "no-store"})
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
    const containers = (root) => Array.from(root.querySelectorAll("[data-live]"))
    const rows = (container) => Array.from(container.querySelectorAll(":scope > [data-live-key]"))
    const keys = (container) => rows(container).map((row) => row.dataset.liveKey).join(" ")
    const found = []
    if (!answer.ok) found.push(`the page: ${answer.status}`)
    if (containers(fresh).length !== containers(document).length) found.push("the containers")
    containers(fresh).forEach((wanted, index) => {
        const shown = containers(document)[index]
        if (keys(shown) !== keys(wanted)) return found.push(`the keys ${keys(shown)}, which should be ${keys(wanted)}`)
        rows(wanted).forEach((row, place) => {
            const here = rows(shown)[place]
            if (!row.isEqualNode(here)) found.push(`${here.outerHTML}, which should be ${row.outerHTML}`)
            for (const field of here.querySelectorAll("input")) {
                const isToggle = field.type === "checkbox"
                const follows = isToggle ? field.checked === field.defaultChecked : field.value === field.defaultValue
                if (!follows) found.push(`the content of ${field.outerHTML}: ${field.value} ${field.checked}`)
            }
        })
    })
    return found
}"""


class Board(NamedTuple):
    """A project of a test's own."""

    pk: int
    writer: Writer
    server: DemoServer

    @classmethod
    def create(cls, writer: Writer, server: DemoServer, columns: dict[str, list[str]] = COLUMNS) -> Board:
        writer(NEW_PROJECT, columns=columns)
        return cls(writer("max(Project.objects.filter(pk__lt=2**31).values_list('pk', flat=True))"), writer, server)

    @property
    def path(self) -> str:
        return f"/board/{self.pk}/"

    def page(self, body: str, **policy: str) -> str:
        """The path of a page with this body, in which `PK` is the project; `policy` loosens that for scripts."""
        return "/page/?" + urlencode({"body": body.replace("PK", str(self.pk)), **policy}, quote_via=quote)

    def write(self, code: str, **names: Any) -> Any:
        """Run code in another process; `tasks` in it are this project's."""
        return self.writer(self._own(code), pk=self.pk, **names)

    @contextmanager
    def writing(self, code: str) -> Iterator[None]:
        """Run code that writes `until_told()`, which it is at the end of the block."""
        self.writer.start(self._own(code), pk=self.pk)
        try:
            yield
        finally:
            self.writer.finish()

    def key(self, title: str) -> str:
        [(key,)] = self.server.query("SELECT id FROM board_task WHERE project_id = ? AND title = ?", self.pk, title)
        return str(key)

    def titles(self, column: str) -> list[str]:
        """The titles of a column as the database has them, in order."""
        sql = 'SELECT title FROM board_task WHERE project_id = ? AND "column" = ? ORDER BY position, id'
        return [title for (title,) in self.server.query(sql, self.pk, column)]

    def _own(self, code: str) -> str:
        return code.replace("tasks.", f"Task.objects.filter(project={self.pk}).")


def cards(page: Page, column: str) -> Locator:
    return page.locator(f"[data-column={column}] [data-live-key]")


def titles(page: Page, column: str) -> Locator:
    return cards(page, column).locator(".card-title")


def card(page: Page, title: str) -> Locator:
    return page.locator("[data-live-key]").filter(has=page.get_by_text(title, exact=True))


def differences(page: Page) -> list[str]:
    """In what the live rows of a page differ from those that the server renders now."""
    return page.evaluate(DIFFERENCES)


def wait_until_equal(*pages: Page) -> None:
    """Wait until the live rows of the pages are those that the server renders anew: keys, order, markup, fields."""
    found: list[str] = []

    def equal() -> bool:
        found[:] = [difference for page in pages for difference in differences(page)]
        return not found

    try:
        wait_until(equal, what="the windows to equal the database")
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *found])) from None
