"""Browsers behind a network that lets only some transports through.

REALTIME_TEST_TRANSPORT=sse (or longpoll) has all browser tests run behind such a network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

TRANSPORTS = ("websocket", "sse", "longpoll")

# A WebSocket whose handshake a proxy has answered with an error.
NO_WEBSOCKET = """
    window.WebSocket = class {
        constructor() { setTimeout(() => this.onclose?.({code: 1006, reason: ""}), 5) }
        send() {}
        close() {}
    }
"""

NO_SSE = """
    const fetch = window.fetch
    window.fetch = (url, options) =>
        String(url).includes("/realtime/sse/") ? Promise.reject(new TypeError("blocked")) : fetch(url, options)
"""


def wanted() -> str:
    name = os.environ.get("REALTIME_TEST_TRANSPORT", "websocket")
    assert name in TRANSPORTS, f"REALTIME_TEST_TRANSPORT is {name!r}, which is none of {', '.join(TRANSPORTS)}."
    return name


def limit(context: BrowserContext, transport: str = "") -> BrowserContext:
    """Block the transports that are better than this one."""
    transport = transport or wanted()
    if transport != "websocket":
        context.add_init_script(NO_WEBSOCKET)
    if transport == "longpoll":
        context.add_init_script(NO_SSE)
    return context
