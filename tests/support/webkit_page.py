"""WebKit behind the part of Playwright's interface that the cases in tests/browser/cases use.

There is one window, so a page is usable until the next one is made, and all contexts have the same cookies. What
WebDriver cannot do, such as running a script before those of the page, raises NotImplementedError: excuse such a test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.support import webkit
from tests.support.waiting import seconds, wait_until

find = webkit.find

KEYS = {
    **webkit.KEYS,
    "Shift": "\ue008",
    "ControlOrMeta": "\ue009",
    "ArrowRight": "\ue014",
    "End": "\ue010",
    "Home": "\ue011",
}

# Collects what Playwright would report: exceptions that no script has caught, and what the policy has stopped.
COLLECT = """(() => {
    if (window.realtimeTestErrors) return
    const found = window.realtimeTestErrors = []
    addEventListener("error", ({message}) => found.push(["pageerror", message]))
    addEventListener("unhandledrejection", ({reason}) => found.push(["pageerror", String(reason)]))
    const note = ({violatedDirective}) => found.push(["console", "Content Security Policy: " + violatedDirective])
    EventTarget.prototype.addEventListener.call(document, "securitypolicyviolation", note)
})()"""

ROLES = {
    "button": "button, [role=button]",
    "link": "a[href], [role=link]",
    "status": "[role=status]",
}
# The innermost elements whose text has the words, as Playwright finds them.
TEXT = """[...document.querySelectorAll("body *")].filter((each) => {
    const has = (element) => element.textContent.replace(/\\s+/g, " ").toLowerCase().includes(%s)
    return !each.matches("script, style, template") && has(each) && ![...each.children].some(has)
})"""
NAMED = """[...document.querySelectorAll(%s)].filter((each) => {
    const name = each.getAttribute("aria-label") ?? each.textContent.replace(/\\s+/g, " ").trim()
    return name.toLowerCase().includes(%s)
})"""
ALL = "Document.prototype.querySelectorAll"  # forms shadow the member of the document
VISIBLE = "((each) => each.checkVisibility({visibilityProperty: true}) && each.getClientRects().length > 0)"
CENTER = """((each) => {
    each.scrollIntoView({block: "nearest"})
    const box = each.getBoundingClientRect()
    return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]
})"""


class Browser:
    def __init__(self, window: webkit.Window) -> None:
        self.window = window
        self.current: Page | None = None

    def new_context(self, *, base_url: str) -> Context:
        return Context(self, base_url)


class Context:
    def __init__(self, browser: Browser, base_url: str) -> None:
        self.browser = browser
        self.base_url = base_url
        self.pages: list[Page] = []

    def set_default_timeout(self, timeout: float) -> None:
        """Waiting has one timeout here, that of `wait_until`."""

    def add_cookies(self, cookies: list[dict[str, str]]) -> None:
        for cookie in cookies:
            self.browser.window.login(cookie)

    def add_init_script(self, script: str) -> None:
        raise NotImplementedError("WebDriver runs no script before those of the page.")

    def new_page(self) -> Page:
        page = self.browser.current = Page(self)
        self.pages.append(page)
        page.goto("about:blank")
        return page

    def close(self) -> None:
        for page in list(self.pages):
            page.close()


class Page:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.keyboard = Keyboard(self)
        self._listeners: dict[str, list[Callable[[Any], None]]] = {}

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    @property
    def window(self) -> webkit.Window:
        browser = self.context.browser
        assert browser.current is self, "WebKit has one window here: another page has been opened in it since."
        return browser.window

    def on(self, event: str, listener: Callable[[Any], None]) -> None:
        assert event in ("pageerror", "console"), f"WebKit's driver tells nothing of '{event}': excuse the test."
        self._listeners.setdefault(event, []).append(listener)

    def add_init_script(self, script: str) -> None:
        self.context.add_init_script(script)

    def goto(self, path: str) -> None:
        self._report()
        self.window.goto(path if ":" in path.split("?")[0] else self.context.base_url + path)
        self.evaluate(COLLECT)

    def go_back(self) -> None:
        before = self.url
        self._report()
        self.window.evaluate("void history.back()")
        wait_until(lambda: self.url != before, what="the page before")
        self.evaluate(COLLECT)

    def close(self) -> None:
        if self.context.browser.current is self:
            self._report()
            self.window.goto("about:blank")
            self.context.browser.current = None
        self.context.pages.remove(self)

    def evaluate(self, script: str, arg: Any = None) -> Any:
        value = f"(value) => typeof value === 'function' ? value({json.dumps(arg)}) : value"
        try:
            return self.window.evaluate(f"({value})({script})")
        except AssertionError as error:
            if not re.search("SyntaxError|Unexpected token", str(error)):
                raise
        return self.window.evaluate(f"(() => {{ {script} }})()")  # statements

    def wait_for_function(self, script: str, *, arg: Any = None) -> Any:
        return wait_until(lambda: self.evaluate(script, arg), what=script)

    def wait_for_selector(self, selector: str, *, state: str, timeout: float) -> None:
        assert state == "attached"
        locator = self.locator(selector)
        wait_until(lambda: locator.count(), what=selector, timeout=timeout / 1000 / seconds(1))

    def locator(self, selector: str) -> Locator:
        return Locator(self, f"[...{ALL}.call(document, {json.dumps(selector)})]", what=selector)

    def get_by_text(self, text: str) -> Locator:
        return Locator(self, TEXT % json.dumps(text.lower()), what=f"the text '{text}'")

    def get_by_role(self, role: str, *, name: str = "") -> Locator:
        return Locator(self, NAMED % (json.dumps(ROLES[role]), json.dumps(name.lower())), what=f"{role} '{name}'")

    def _report(self) -> None:
        """Tell the listeners what has been collected in the page that is left."""
        for event, text in self.window.evaluate("window.realtimeTestErrors ?? []"):
            for listener in self._listeners.get(event, ()):
                listener(SimpleNamespace(text=text) if event == "console" else text)


class Keyboard:
    def __init__(self, page: Page) -> None:
        self._page = page

    def type(self, text: str) -> None:
        self._page.window.type(text)

    insert_text = type

    def press(self, keys: str) -> None:
        """A key with those to hold down meanwhile, such as `Shift+Tab`."""
        *held, key = [KEYS.get(each, each) for each in keys.split("+")]
        down = [("keyDown", each) for each in held]
        up = [("keyUp", each) for each in reversed(held)]
        self._page.window.press_keys([*down, ("keyDown", key), ("keyUp", key), *up])


class Locator:
    def __init__(self, page: Page, expression: str, *, what: str) -> None:
        self.page = page
        self.expression = expression  # JavaScript for an array of elements
        self.what = what

    def nth(self, number: int) -> Locator:
        return Locator(self.page, f"[{self.expression}.at({number})].filter(Boolean)", what=f"{self.what}, {number}")

    @property
    def first(self) -> Locator:
        return self.nth(0)

    @property
    def last(self) -> Locator:
        return self.nth(-1)

    def all(self, function: str) -> Any:
        """What a function makes of each element."""
        return self.page.evaluate(f"{self.expression}.map({function})")

    def evaluate(self, function: str) -> Any:
        self._wait()
        return self.page.evaluate(f"({function})({self.expression}[0])")

    def count(self) -> int:
        return int(self.page.evaluate(f"{self.expression}.length"))

    def inner_text(self) -> str:
        return str(self.evaluate("(each) => each.innerText"))

    def all_inner_texts(self) -> list[str]:
        return list(self.all("(each) => each.innerText"))

    def click(self) -> None:
        wait_until(lambda: self.all(VISIBLE) == [True], what=f"{self.what} to be visible")
        self.page.window.click_at(*self.evaluate(CENTER))

    def focus(self) -> None:
        self.evaluate("(each) => each.focus()")

    def press(self, keys: str) -> None:
        self.focus()
        self.page.keyboard.press(keys)

    def press_sequentially(self, text: str) -> None:
        self.focus()
        self.page.keyboard.type(text)

    def _wait(self) -> None:
        wait_until(lambda: self.count() == 1, what=f"one of {self.what}")


class Expectation:
    """What is awaited of the elements of a locator, as Playwright's `expect` does."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator

    def to_have_text(self, text: str | list[str]) -> None:
        wanted = text if isinstance(text, list) else [text]
        self._wait("(each) => each.textContent.replace(/\\s+/g, ' ').trim()", wanted)

    def to_have_value(self, value: str) -> None:
        self._wait("(each) => each.value", [value])

    def to_have_attribute(self, name: str, value: str) -> None:
        self._wait(f"(each) => each.getAttribute({json.dumps(name)})", [value])

    def not_to_have_attribute(self, name: str, value: str) -> None:
        self._wait(f"(each) => each.getAttribute({json.dumps(name)}) === {json.dumps(value)}", [False])

    def to_have_count(self, count: int) -> None:
        self._wait("() => 1", [1] * count)

    def to_be_attached(self) -> None:
        self.to_have_count(1)

    def to_be_visible(self) -> None:
        self._wait(VISIBLE, [True])

    def to_be_hidden(self) -> None:
        wait_until(lambda: True not in self._locator.all(VISIBLE), what=f"{self._locator.what} to be hidden")

    def to_be_focused(self) -> None:
        self._wait("(each) => each === document.activeElement", [True])

    def _wait(self, function: str, wanted: list[Any]) -> None:
        seen: list[Any] = []

        def is_so() -> bool:
            seen[:] = self._locator.all(function)
            return seen == wanted

        try:
            wait_until(is_so, what=f"{self._locator.what} to have {wanted!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen!r}") from None


@contextmanager
def running(program: str) -> Iterator[Browser]:
    with webkit.running(program) as window:
        yield Browser(window)
