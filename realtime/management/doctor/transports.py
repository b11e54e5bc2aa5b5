"""Transports: a test of each transport of a server. It writes a change and waits until the change arrives."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from django.db import connections
from django.urls import NoReverseMatch, reverse

from realtime.management.doctor import probe_stream
from realtime.management.doctor.findings import ANSWER_SECONDS, Broken, Finding, Outcome, broken, finding
from realtime.models import PROBE_STREAM
from realtime.queries.page import WEBSOCKET_PATH

WAIT_SECONDS = 0.3  # until the server has received a request and lets it wait
Headers = dict[str, str]
WEBSOCKET, SSE, LONGPOLL = TRANSPORTS = ("WebSocket", "Server-Sent Events", "long-poll")


class ProbeSubscriber:
    """Reads the server's messages, and keeps the text of the row."""

    def __init__(self) -> None:
        self.text = ""
        self.cursor: str | None = None
        self.fingerprint = ""

    def take(self, message: dict[str, Any]) -> None:
        """Handle a message. Raise `Broken` if it is a refusal."""
        match message["type"]:
            case "subscribed":
                self.fingerprint = message["fingerprint"]
            case "frame":
                self.cursor = message["cursor"]
                puts = [put for delta in message["deltas"] for put in delta.get("puts", ())]
                self.text = puts[-1]["row"]["text"] if puts else self.text
            case "refused" | "bye":
                raise Broken(f"the server sent {message['code']}: {message['reason']}")

    def subscribe_messages(self, key: str) -> list[dict[str, Any]]:
        """Return the messages that subscribe to the row, from the last cursor."""
        held = {} if self.cursor is None else {"cursor": self.cursor, "fingerprint": self.fingerprint}
        wanted = {"type": "subscribe", "id": 1, "stream": PROBE_STREAM, "params": {"key": key}, "format": "data"}
        return [{"type": "hello", "version": 1}, wanted | held]


def try_transports(url: str, headers: Headers) -> Iterator[Finding]:
    """Test each transport of the server at this URL ("https://example.org")."""
    key = probe_stream.begin()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="realtime-doctor") as writer:
            tests: list[tuple[str, Callable[..., list[Finding]]]] = [
                (WEBSOCKET, _websocket),
                (SSE, _sse),
                (LONGPOLL, _longpoll),
            ]
            for number, (what, test) in enumerate(tests):
                change = _Change(writer, key, f"change {number}")
                try:
                    yield from test(what, url, headers, change)
                except _Unavailable as unavailable:
                    yield Finding(what, Outcome.OFF, str(unavailable))
                except HTTPError as error:
                    yield broken(what, Broken(f"the server answered {error.code} {error.reason}"), _remedy(error))
                except TimeoutError:
                    yield broken(
                        what,
                        Broken(f"nothing arrived in {ANSWER_SECONDS:g} s"),
                        "Check that no proxy buffers responses.",
                    )
                except Exception as error:  # a network error, or an unexpected answer
                    yield broken(what, error, f"Check that a server is running at {url}.")
    finally:
        probe_stream.end(key)


class _Unavailable(Exception):
    """The site does not have this transport, which may be intended."""


class _Change:
    """The change to wait for, written in another thread, as by another process."""

    def __init__(self, writer: ThreadPoolExecutor, key: str, text: str) -> None:
        self._writer = writer
        self.key = key
        self.text = text
        self.begun = 0.0

    def write(self) -> None:
        self.begun = time.perf_counter()
        self._writer.submit(self._write).result()

    def _write(self) -> None:
        try:
            probe_stream.change(self.key, self.text)
        finally:
            connections.close_all()


def _websocket(what: str, url: str, headers: Headers, change: _Change) -> list[Finding]:
    if importlib.util.find_spec("websockets") is None:
        raise _Unavailable("not tested: the package `websockets` is not installed (extra `client`)")
    compresses = asyncio.run(_await_change(url, headers, change))
    found = [finding(what, change.begun, "a change arrived")]
    if compresses:
        text = (
            "clients can compress messages, so anonymous clients can exhaust the server's memory; "
            "see docs/operations/servers.md. Ignore this if only the proxy decompresses, with its own limit."
        )
        found.append(Finding("compression", Outcome.RISKY, text))
    return found


async def _await_change(url: str, headers: Headers, change: _Change) -> bool:
    """Wait for the change. Return whether the server accepts compressed messages."""
    from websockets.asyncio.client import connect  # an optional dependency

    address = f"{url.replace('http', 'ws', 1)}/{WEBSOCKET_PATH}"
    host = headers.get("Host")
    own = {name: value for name, value in headers.items() if name != "Host"}
    place = urlsplit(url)
    options: dict[str, Any] = {}
    if host:  # the handshake must have the site's host, not the server's address
        address = address.replace(place.netloc, host, 1)
        options = {"host": place.hostname, "port": place.port}
    async with (
        asyncio.timeout(2 * ANSWER_SECONDS),
        connect(address, additional_headers=own, open_timeout=ANSWER_SECONDS, proxy=None, **options) as socket,
    ):
        subscriber = ProbeSubscriber()
        for message in subscriber.subscribe_messages(change.key):
            await socket.send(json.dumps(message))
        while not subscriber.text:
            subscriber.take(json.loads(await socket.recv()))
        await asyncio.to_thread(change.write)
        while subscriber.text != change.text:
            subscriber.take(json.loads(await socket.recv()))
        return bool(socket.protocol.extensions)


def _sse(what: str, url: str, headers: Headers, change: _Change) -> list[Finding]:
    subscriber = ProbeSubscriber()
    with _post(url + _path("sse"), subscriber.subscribe_messages(change.key), headers) as response:
        ends = time.monotonic() + 2 * ANSWER_SECONDS
        wrote = False
        while subscriber.text != change.text:
            line = response.readline().decode()
            if not line or line.startswith("event: end") or time.monotonic() > ends:
                raise Broken("the stream of events ended before the change")
            if line.startswith("data: "):
                subscriber.take(json.loads(line.removeprefix("data: ")))
            if subscriber.text and not wrote:
                wrote = True
                change.write()
    return [finding(what, change.begun, "a change arrived")]


def _longpoll(what: str, url: str, headers: Headers, change: _Change) -> list[Finding]:
    subscriber = ProbeSubscriber()
    address = url + _path("poll")
    for message in _answer(f"{address}?wait=0", subscriber, change, headers):
        subscriber.take(message)
    # the change is written while the request waits, to test whether it wakes up
    writing = threading.Timer(WAIT_SECONDS, change.write)
    writing.start()
    try:
        for message in _answer(f"{address}?wait={ANSWER_SECONDS / 2:g}", subscriber, change, headers):
            subscriber.take(message)
    finally:
        writing.join()
    if subscriber.text != change.text:
        raise TimeoutError
    return [finding(what, change.begun, "a change arrived")]


def _answer(address: str, subscriber: ProbeSubscriber, change: _Change, headers: Headers) -> list[dict[str, Any]]:
    with _post(address, subscriber.subscribe_messages(change.key), headers) as response:
        messages: list[dict[str, Any]] = json.load(response)
    return messages


def _path(name: str) -> str:
    try:
        return reverse(f"realtime:{name}")
    except NoReverseMatch:
        raise _Unavailable(
            'not installed: to use it, add path("realtime/", include("realtime.urls")) to the URLconf'
        ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None  # a redirect is reported, not followed


_opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def _post(address: str, messages: list[dict[str, Any]], headers: Headers) -> HTTPResponse:
    request = urllib.request.Request(  # noqa: S310 - the command has checked that the URL is http or https
        address, json.dumps(messages).encode(), {"Content-Type": "application/json", **headers}
    )
    response: HTTPResponse = _opener.open(request, timeout=ANSWER_SECONDS)
    return response


def _remedy(error: HTTPError) -> str:
    if 300 <= error.code < 400:
        return f"It redirects to {error.headers.get('Location')}; pass that URL with --url."
    if error.code == 400:
        return "Check that ALLOWED_HOSTS contains the host."
    if error.code == 404:
        return "Check that this is the project's server."
    return "See the server's log." if error.code >= 500 else ""
