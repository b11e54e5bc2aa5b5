"""The windows of a test, and what travels over their WebSockets."""

import json
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebSocket

from tests.support import engines, transports
from tests.support.demo import session_cookie
from tests.support.pages import note_error, wait_for_state
from tests.support.waiting import seconds, wait_until

POLICY = "Content Security Policy"


class Desk:
    """Windows of one test. The contexts behind them, with cookies and caches, last longer."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: dict[str, BrowserContext] = {}
        self._extra: list[BrowserContext] = []  # of one test only
        self._blank: list[Page] = []  # one of each user, so that the process of their pages lasts
        self.errors: list[str] = []  # exceptions that nobody caught, and what the policy has stopped

    def open(self, user: str, path: str, *, page: Page | None = None) -> Page:
        """A new window in which the user is logged in, at the path."""
        page = page or self.blank(user)
        page.goto(path)
        return page

    def open_live(self, user: str, path: str, *, page: Page | None = None) -> Page:
        page = self.open(user, path, page=page)
        wait_for_state(page)
        return page

    def blank(self, user: str) -> Page:
        """A new window, still empty."""
        if user not in self._contexts:
            self._contexts[user] = self._context(user, self._url)
            if engines.wanted() == "chromium":
                self._blank.append(self._contexts[user].new_page())
        return self._page(self._contexts[user])

    def alone(self, user: str, *, url: str | None = None, **options: Any) -> Page:
        """A new window, still empty, in a context that no other window has, and a `transport` where one is named."""
        context = self._context(user, url or self._url, **options)
        self._extra.append(context)
        return self._page(context)

    def clear(self) -> None:
        for context in self._extra:
            context.close()
        self._extra = []
        for context in self._contexts.values():
            for page in context.pages:
                if page not in self._blank:
                    page.close()

    def end_test(self) -> None:
        """Close the windows; fail if a script in one of them has thrown, or the policy for scripts was broken."""
        self.clear()
        errors, self.errors = self.errors, []
        assert errors == []

    def close(self) -> None:
        self.clear()
        for context in self._contexts.values():
            context.close()

    def _context(self, user: str, url: str, *, transport: str = "", **options: Any) -> BrowserContext:
        context = transports.limit(self._browser.new_context(base_url=url, **options), transport)
        context.set_default_timeout(seconds(10) * 1000)
        context.add_cookies([session_cookie(user, url)])
        return context

    def _page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: note_error(self.errors, page, str(error)))
        page.on("console", lambda message: self._note(page, message))
        return page

    def _note(self, page: Page, message: ConsoleMessage) -> None:
        if POLICY in message.text:
            self.errors.append(f"{page.url}: {message.text}")


class Traffic:
    """The messages of one window, from when this is made."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets = 0
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.received_bytes = 0
        page.on("websocket", self._watch)

    def clear(self) -> None:
        self.sent, self.received, self.received_bytes = [], [], 0

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] == "frame"]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [delta for frame in self.frames for delta in frame["deltas"]]

    def wait_for(self, kind: str, *, number: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages of the server's of this type."""

        def arrived() -> list[dict[str, Any]] | None:
            self.page.evaluate("0")  # Playwright tells of messages only while it is asked something
            found = [message for message in self.received if message["type"] == kind]
            return found if len(found) >= number else None

        return wait_until(arrived, what=f"{number} messages '{kind}'")

    def _watch(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))
        socket.on("framereceived", self._receive)

    def _receive(self, text: str) -> None:
        message = json.loads(text)
        if isinstance(message, list) and isinstance(message[1], dict):  # patches in short
            query, patches = message
            message = {"type": "frame", "cursor": None, "deltas": [{"query": query, "patches": patches}]}
        self.received.append(message)
        self.received_bytes += len(text)
