"""WebKitGTK's MiniBrowser, driven over WebDriver, which Playwright does not speak.

python -m tests.support.engines webkit

says whether it is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import glob
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from tests.support.processes import free_port
from tests.support.waiting import seconds, wait_until

DRIVER = "WebKitWebDriver"
BROWSERS = "/usr/lib/*/webkit2gtk-4.1/MiniBrowser"
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "ArrowLeft": "\ue012", "Escape": "\ue00c"}
STATE = "document.documentElement.dataset.realtime"
ASYNC = """
    const done = arguments[arguments.length - 1]
    Promise.resolve().then(async () => (%s)).then((value) => done([value ?? null]), (error) => done(String(error)))
"""


def find() -> str | None:
    """The path of MiniBrowser, if its driver and a screen that nobody sees are there too."""
    if not shutil.which(DRIVER) or not (os.environ.get("DISPLAY") or shutil.which("Xvfb")):
        return None
    return next(iter(glob(BROWSERS)), None)


class Window:
    """A window of the browser. What it is asked is JavaScript, whose promises are waited for."""

    def __init__(self, address: str, session: str) -> None:
        self._session = f"{address}/session/{session}"

    def command(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        return send(f"{self._session}/{path}", body or {}, method=method)

    def login(self, cookie: dict[str, str]) -> None:
        """A cookie is set by a page of its site."""
        self.goto(cookie["url"] + "/login/")
        self.command("cookie", {"cookie": {"name": cookie["name"], "value": cookie["value"], "path": "/"}})

    def goto(self, url: str) -> None:
        self.command("url", {"url": url})

    def live(self) -> None:
        self.wait(f"{STATE} === 'live'")

    def evaluate(self, expression: str) -> Any:
        answer = self.command("execute/async", {"script": ASYNC % expression, "args": []})
        assert isinstance(answer, list), f"{answer}, of: {expression}"
        return answer[0]

    def wait(self, expression: str) -> Any:
        return wait_until(lambda: self.evaluate(expression), what=expression)

    def click(self, selector: str) -> None:
        find = "const box = document.querySelector(%s).getBoundingClientRect()"
        body = find % json.dumps(selector) + "; return [box.x + box.width / 2, box.y + box.height / 2]"
        self.click_at(*self.evaluate(f"(() => {{ {body} }})()"))

    def click_at(self, x: float, y: float) -> None:
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps})

    def type(self, text: str) -> None:
        self.press_keys([(step, key) for key in text for step in ("keyDown", "keyUp")])

    def press(self, key: str) -> None:
        self.type(KEYS[key])

    def press_keys(self, steps: list[tuple[str, str]]) -> None:
        actions = [{"type": step, "value": key} for step, key in steps]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def _act(self, source: dict[str, Any]) -> None:
        self.command("actions", {"actions": [source]})


def send(url: str, body: Any = None, *, method: str = "POST") -> Any:
    data = json.dumps(body).encode() if method == "POST" else None
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=seconds(60)) as response:
            return json.load(response)["value"]
    except HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.read().decode()[:500]}") from None


@contextmanager
def running(program: str) -> Iterator[Window]:
    """The program, started, with one window."""
    with ExitStack() as stack:
        environment = {**os.environ, "GDK_BACKEND": "x11", "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1"}
        environment["WEBKIT_DISABLE_COMPOSITING_MODE"] = "1"
        if "DISPLAY" not in environment:
            environment["DISPLAY"] = stack.enter_context(_screen())
        address = stack.enter_context(_driver(environment))
        options = {"binary": program, "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        session = send(f"{address}/session", wanted)["sessionId"]
        stack.callback(send, f"{address}/session/{session}", method="DELETE")
        send(f"{address}/session/{session}/timeouts", {"script": round(seconds(30) * 1000)})
        yield Window(address, session)


@contextmanager
def _screen() -> Iterator[str]:
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x1000x24", "-nolisten", "tcp"]
    with _process(command, pass_fds=[writer]):
        os.close(writer)
        with os.fdopen(reader) as number:
            yield ":" + number.readline().strip()


@contextmanager
def _driver(environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return "ready" in send(f"{address}/status", method="GET")
        except (URLError, ConnectionError):
            return False

    with _process([DRIVER, f"--port={port}"], env=environment):
        wait_until(answers, what="WebKitWebDriver")
        yield address


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
