"""Browser windows of the demo's users, and what they show."""

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, LocatorAssertions, Page
from playwright.sync_api import expect as playwright_expect

from tests.support import transports, webkit_page
from tests.support.demo import session_cookie
from tests.support.waiting import seconds

playwright_expect.set_options(timeout=seconds(10) * 1000)

# Reads a whole container at one moment, so that a frame that is applied meanwhile cannot split the answer.
ROWS = """(container) => Array.from(
    container.querySelectorAll("[data-live-key]"), (row) => [row.dataset.liveKey, row.textContent.trim()]
)"""


FAILED_REQUEST = re.compile(
    r"Firefox can.t establish a connection|was interrupted while the page was loading"
    r"|The Same Origin Policy disallows reading the remote resource"
)


def expect(locator: Locator) -> LocatorAssertions:
    """Playwright's `expect`, in each engine."""
    if isinstance(locator, webkit_page.Locator):
        return webkit_page.Expectation(locator)
    return playwright_expect(locator)


class Windows:
    """The windows that one test opens: each in a browser context of its own, logged in as one user."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []  # exceptions that no script of a page has caught

    def login(self, user: str, *, url: str, **options: Any) -> Page:
        """A new window in which one of the demo's people is logged in, by a session that is there already."""
        context = self.context(url=url, **options)
        context.add_cookies([session_cookie(user, url)])
        return self.open(context)

    def context(self, *, url: str, **options: Any) -> BrowserContext:
        context = transports.limit(self._browser.new_context(base_url=url, **options))
        context.set_default_timeout(seconds(10) * 1000)
        self._contexts.append(context)
        return context

    def open(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: note_error(self.errors, page, str(error)))
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def note_error(errors: list[str], page: Page, text: str) -> None:
    """Firefox's driver also calls it an error when a WebSocket finds no server, or when CORS stops a request."""
    if not FAILED_REQUEST.search(text):
        errors.append(f"{page.url}: {text}")


def wait_for_state(page: Page, state: str = "live", *, timeout: float = 10) -> None:
    """Wait until the page says of itself that it is live (or offline, catching-up ...)."""
    page.wait_for_selector(f"html[data-realtime={state}]", state="attached", timeout=seconds(timeout) * 1000)


def open_live(page: Page, path: str) -> Page:
    """Go to a page, and wait until it is live."""
    page.goto(path)
    wait_for_state(page)
    return page


def rows(page: Page, container: str = "[data-live]") -> list[tuple[str, str]]:
    """Key and text of each row of a live container, in the order of the page."""
    return [(key, text) for key, text in page.locator(container).first.evaluate(ROWS)]


def keys(page: Page, container: str = "[data-live]") -> list[str]:
    return [key for key, _ in rows(page, container)]
