"""LongPollMiddleware: which polls it answers, and that it passes all else on as it came."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.contrib.auth.models import User
from django.middleware.csrf import get_token
from django.test import AsyncClient, RequestFactory

from realtime.connections.transports import request
from tests.connections.transports.inside import HELLO, Middleware, kinds, post, subscribe
from tests.models import Book
from tests.support.limits import limit
from tests.support.waiting import seconds
from tests.support.wire import until

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture(autouse=True)
def lasting(hub, settings, monkeypatch):
    settings.REALTIME_HEARTBEAT_SECONDS = seconds(10)
    monkeypatch.setattr(request, "PARK_SECONDS", seconds(10))


@pytest.fixture
async def ann(elsewhere) -> AsyncClient:
    await elsewhere.soon(User.objects.create_user, "ann", password="secret")
    client = AsyncClient(enforce_csrf_checks=True)
    assert await client.alogin(username="ann", password="secret")
    client.cookies["csrftoken"] = token()
    return client


@pytest.fixture
def middleware() -> Middleware:
    return Middleware()


def token() -> str:
    asked = RequestFactory().get("/")
    get_token(asked)
    return asked.META["CSRF_COOKIE"]


def headers(client: AsyncClient) -> dict[str, str]:
    return {"X_CSRFToken": client.cookies["csrftoken"].value}


async def has_parked(hub, shelf, ann) -> dict[str, object]:
    """Take the first poll; return the subscription at what the client has."""
    first = subscribe("books", shelf=shelf.pk)
    response = await post("poll/?wait=0.05", HELLO, first, client=ann, **headers(ann))
    received = json.loads(b"".join([chunk async for chunk in response]))
    await until(lambda: request._parked.get(hub))
    [subscribed] = [message for message in received if message["type"] == "subscribed"]
    cursors = [message["cursor"] for message in received if message["type"] == "frame"]
    return {**first, "cursor": cursors[-1], "fingerprint": subscribed["fingerprint"]}


async def test_next_poll_is_answered_without_django(hub, shelf, ann, elsewhere, middleware):
    asked = await has_parked(hub, shelf, ann)
    polling = asyncio.create_task(middleware.send("poll/", HELLO, asked, client=ann, **headers(ann)))
    await until(lambda: not request._parked[hub])
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    start, *parts = await polling
    received = json.loads(b"".join(part.get("body", b"") for part in parts))
    assert kinds(received)[:2] == ["welcome", "subscribed"]
    assert '"title":"a"' in json.dumps(received, separators=(",", ":"))
    assert (start["status"], middleware.passed) == (200, [])
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]


async def test_answer_has_the_headers_of_djangos(hub, shelf, ann, elsewhere, settings, middleware):
    settings.REALTIME_ALLOWED_ORIGINS = ["https://app.example"]
    origin = {"Origin": "https://app.example", **headers(ann)}
    asked = subscribe("books", shelf=shelf.pk)
    first = await post("poll/?wait=0.05", HELLO, asked, client=ann, **origin)
    received = json.loads(b"".join([chunk async for chunk in first]))
    await until(lambda: request._parked.get(hub))
    [subscribed] = [message for message in received if message["type"] == "subscribed"]
    asked |= {"cursor": received[-1]["cursor"], "fingerprint": subscribed["fingerprint"]}
    start, *_ = await middleware.send("poll/?wait=0.05", HELLO, asked, client=ann, **origin)
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    assert middleware.passed == []
    assert found == {name.lower(): first.headers[name] for name in first.headers}
    assert found["access-control-allow-origin"] == "https://app.example"


async def test_client_that_leaves_while_it_waits_leaves_nothing_behind(hub, shelf, ann, middleware, monkeypatch):
    monkeypatch.setattr(request, "PARK_SECONDS", 0.2)
    asked, gone = await has_parked(hub, shelf, ann), asyncio.Event()
    polling = asyncio.create_task(middleware.send("poll/", HELLO, asked, client=ann, gone=gone, **headers(ann)))
    await until(lambda: not request._parked[hub])
    gone.set()
    await polling
    await until(lambda: hub.clients == [])
    assert middleware.passed == []


@pytest.mark.parametrize(
    "differs",
    [
        "path",
        "method",
        "first",
        "wait",
        "wait of no meaning",
        "origin",
        "token",
        "csrf in session",
        "size",
        "no json",
        "fields",
        "query",
    ],
)
async def test_anything_else_is_passed_on_as_it_came(hub, shelf, ann, settings, middleware, differs, caplog):
    asked = await has_parked(hub, shelf, ann)
    path, method, client, more, body = "poll/", "POST", ann, headers(ann), json.dumps([HELLO, asked]).encode()
    query: bytes | None = None
    match differs:
        case "path":
            path = "elsewhere/poll/"
        case "method":
            method = "OPTIONS"
        case "first":
            client = AsyncClient()
        case "wait":
            path = "poll/?wait=0"
        case "wait of no meaning":
            path = "poll/?wait=long"
        case "origin":
            more["Origin"] = "https://evil.example"
        case "token":
            more["X_CSRFToken"] = token()
        case "csrf in session":
            settings.CSRF_USE_SESSIONS = True
        case "size":
            limit(settings, request_bytes=len(body) - 1)
        case "fields":
            path = "poll/?" + "a=1&" * (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)
        case "query":
            query = b"\xff"
        case "no json":
            body = b"nothing"
    chunks = [body[:10], body[10:]]
    parked = hub.clients
    sent = await middleware.send(path, client=client, method=method, chunks=chunks, query=query, **more)
    assert (sent, middleware.passed) == ([], [body])
    assert hub.clients == parked
    assert request._parked[hub]  # another poll may still continue
    assert caplog.records == []  # Django's way logs what it refuses
