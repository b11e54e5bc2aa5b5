"""Server: the project's ASGI application on a local port, for tests with a browser or another client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from channels.routing import get_default_application
from daphne.server import Server
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.test import Client as Browser
from django.test import TransactionTestCase
from django.test.utils import modify_settings
from twisted.internet import reactor as _reactor

from realtime.client import Client, connect
from realtime.hub.hub import get_hub
from realtime.testing.databases import check_databases

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0

reactor: Any = _reactor


class LiveServer:
    """A daphne server in a thread of this process; `live_server()` returns the only instance.

    It uses the test's settings and database, even an in-memory one. It sees only committed writes. `application` is
    the ASGI application for new connections, by default the project's own; a test may set it to a `FaultyNetwork`.
    """

    def __init__(self) -> None:
        self.application: Any = project_application()
        self.port = 0
        self._ready = threading.Event()
        self._server = Server(self._serve, endpoints=[f"tcp:port=0:interface={HOST}"], signal_handlers=False)
        self._thread = threading.Thread(target=self._server.run, name="realtime live server", daemon=True)

    @property
    def url(self) -> str:
        """The base URL of the site."""
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """The URL of the WebSocket of `realtime.routing`."""
        return f"ws://{HOST}:{self.port}/realtime/ws/"

    def session(self, user: Any) -> str:
        """Log the user in, and return the session key: the value of the cookie `sessionid`."""
        browser = Browser()
        browser.force_login(user)
        return browser.cookies[settings.SESSION_COOKIE_NAME].value

    def client(self, session: str = "") -> Client:
        """Return a Python client over a WebSocket, with a session key from `session`. Use it with `async with`."""
        return connect(self.ws_url, session=session)

    def start(self) -> None:
        self._thread.start()
        reactor.callWhenRunning(self._look_for_port)
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError(f"The live server did not start within {START_SECONDS:g} seconds.")

    def stop(self) -> None:
        """Stop the server for good. A process cannot start a second one."""
        reactor.callFromThread(reactor.stop)
        self._thread.join(STOP_SECONDS)

    def call(self, function: Callable[[], Any]) -> None:
        """Call a function in the server's event loop."""
        reactor.callFromThread(function)

    def _look_for_port(self) -> None:
        if self._server.listening_addresses:
            self.port = self._server.listening_addresses[0][1]
            self._ready.set()
        else:
            reactor.callLater(0.01, self._look_for_port)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        get_hub().linger_seconds = 0.0  # a test database cannot be dropped while there are connections to it
        await self.application(scope, receive, send)


def project_application() -> Any:
    """Return the application of `ASGI_APPLICATION`, with static files as `runserver` serves them."""
    application: Any = get_default_application()
    return ASGIStaticFilesHandler(application) if apps.is_installed("django.contrib.staticfiles") else application


@cache
def live_server() -> LiveServer:
    """Return this process's live server. The first call starts it."""
    check_databases("A live server")
    server = LiveServer()
    server.start()
    return server


class LiveServerTestCase(TransactionTestCase):
    """A `TransactionTestCase` with a live server (`self.server`), for browsers and clients over the network."""

    server: LiveServer

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        hosts = modify_settings(ALLOWED_HOSTS={"append": HOST})
        hosts.enable()
        cls.addClassCleanup(hosts.disable)
        cls.server = live_server()

    @property
    def live_server_url(self) -> str:
        """The base URL of the site."""
        return self.server.url
