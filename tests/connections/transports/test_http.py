"""Who may ask, from which page and with what proof, and what proxies and browsers are told."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import AsyncClient, Client, RequestFactory

from realtime.protocol.session import ClientSession
from tests.connections.transports.inside import HELLO, HOST, call, kinds, messages, post, subscribe, text
from tests.support.limits import limit

PATHS = {"sse/": [HELLO], "poll/?wait=0": [HELLO], "call/": [HELLO, call()]}
ORIGIN = "https://app.example.net"

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture(params=PATHS)
def path(request) -> str:
    return request.param


@pytest.fixture
def client() -> AsyncClient:
    return AsyncClient(enforce_csrf_checks=True)


def give_cookie(client) -> str:
    request = RequestFactory().get("/")
    token = get_token(request)
    client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]
    return token


async def test_client_without_cookies_needs_no_token(path, client):
    assert kinds(await messages(await post(path, *PATHS[path], client=client)))[0] == "welcome"


async def test_client_with_cookies_needs_the_token(path, client):
    give_cookie(client)
    response = await post(path, *PATHS[path], client=client)
    assert response.status_code == 403
    assert await messages(response) == [
        {
            "type": "bye",
            "code": 4102,
            "reason": (
                "CSRF token missing. Send the CSRF token in the header X-CSRFToken, as Django's documentation "
                "describes. For pages of other sites, add their origin to "
                "REALTIME_ALLOWED_ORIGINS."
            ),
        }
    ]


async def test_token_of_someone_else_does_not_count(path, client):
    give_cookie(client)
    other = get_token(RequestFactory().get("/"))
    assert (await post(path, *PATHS[path], client=client, X_CSRFToken=other)).status_code == 403


async def test_session_without_the_csrf_cookie_does_not_count(path, client):
    client.cookies["sessionid"] = "x"
    assert (await post(path, *PATHS[path], client=client)).status_code == 403


async def test_token_lets_in(path, client):
    token = give_cookie(client)
    response = await post(path, *PATHS[path], client=client, X_CSRFToken=token)
    assert (response.status_code, kinds(await messages(response))[0]) == (200, "welcome")


async def test_token_lets_in_behind_a_proxy_with_tls(path, client):
    token = give_cookie(client)
    response = await post(path, *PATHS[path], client=client, X_CSRFToken=token, Origin=f"https://{HOST}")
    assert kinds(await messages(response))[0] == "welcome"


async def test_token_in_the_session_lets_in(path, client, settings):
    settings.CSRF_USE_SESSIONS = True

    def log_in() -> str:
        browser = Client()
        request = RequestFactory().get("/")
        request.session = browser.session
        token = get_token(request)
        request.session["_csrftoken"] = request.META["CSRF_COOKIE"]
        request.session.save()
        client.cookies["sessionid"] = request.session.session_key
        return token

    token = await sync_to_async(log_in)()
    response = await post(path, *PATHS[path], client=client, X_CSRFToken=token)
    assert kinds(await messages(response))[0] == "welcome"
    assert (await post(path, *PATHS[path], client=client)).status_code == 403


async def test_page_of_another_site_is_refused(path, client, caplog):
    response = await post(path, *PATHS[path], client=client, Origin="https://evil.com")
    [bye] = await messages(response)
    assert (response.status_code, bye["code"]) == (403, 4210)
    assert "REALTIME_ALLOWED_ORIGINS" in bye["reason"]
    assert "REALTIME_ALLOWED_ORIGINS" in caplog.text  # the page is not shown the answer
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_picture_or_script_of_another_site_is_refused():
    for site, status in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]:
        response = await AsyncClient().get("/realtime/sse/", headers={"Sec-Fetch-Site": site})
        assert response.status_code == status
        await text(response)


async def test_page_of_a_listed_site_is_let_in_with_its_cookies(path, client, settings):
    settings.REALTIME_ALLOWED_ORIGINS = [ORIGIN]
    give_cookie(client)
    response = await post(path, *PATHS[path], client=client, Origin=ORIGIN)
    assert kinds(await messages(response))[0] == "welcome"
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in response.headers["Vary"]


async def test_own_page_needs_no_permission_of_the_browser(path, client):
    response = await post(path, *PATHS[path], client=client, Origin=f"http://{HOST}")
    await text(response)
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]


async def test_refusal_can_be_read_by_a_listed_site(path, client, settings):
    settings.REALTIME_ALLOWED_ORIGINS = [ORIGIN]
    response = await post(path, client=client, body="noise", Origin=ORIGIN)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (400, ORIGIN)


async def test_preflight_of_a_listed_site_is_granted(path, settings):
    settings.REALTIME_ALLOWED_ORIGINS = [ORIGIN]
    response = await AsyncClient().options(f"/realtime/{path}", headers={"Origin": ORIGIN})
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "Content-Type, X-CSRFToken, Authorization"


async def test_preflight_of_another_site_is_refused(path):
    response = await AsyncClient().options(f"/realtime/{path}", headers={"Origin": "https://evil.com"})
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("body", "code"),
    [("noise", 4200), ("{}", 4200), ("", 4200), ("[" * 100 + "]" * 100, 4201), ("[" * 100_000, 4201), ("[1", 4200)],
)
async def test_body_that_is_no_array_of_messages_is_refused(path, body, code):
    response = await post(path, body=body)
    assert (response.status_code, (await messages(response))[0]["code"]) == (400, code)


async def test_body_that_is_no_text_is_refused(path):
    response = await AsyncClient().post(f"/realtime/{path}", b'["\xff"]', content_type="application/json")
    assert (await messages(response))[0]["code"] == 4200


async def test_body_has_the_size_that_django_allows(path, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20
    response = await post(path, *PATHS[path])
    assert (await messages(response))[0]["code"] == 4201


async def test_no_more_of_a_body_is_read_than_is_allowed(path, settings, monkeypatch):
    limit(settings, request_bytes=500)
    read = []
    monkeypatch.setattr(HttpRequest, "read", lambda self, size: read.append(size) or self._stream.read(size))
    [bye] = await messages(await post(path, body="[" + "0," * 100_000 + "0]"))
    assert (bye["code"], bye["reason"], read) == (4201, "A request may have up to 500 bytes.", [501])


async def test_request_of_more_messages_than_allowed_is_refused(path, settings):
    limit(settings, request_messages=3)
    response = await post(path, HELLO, *[subscribe("top", id=number, shelf=1) for number in range(3)])
    assert (response.status_code, (await messages(response))[0]["code"]) == (400, 4201)


async def test_bytes_of_requests_count_for_all_requests_of_an_address(path, settings, monkeypatch):
    limit(settings, messages_per_second_per_user=1.0)
    monkeypatch.setattr("realtime.connections.handshake.client_address", lambda **_: "192.0.2.1")
    answers = [(await messages(await post(path, body="[" + " " * 20_000)))[0]["code"] for _ in range(3)]
    assert answers == [4200, 4200, 4002]


async def test_nothing_is_read_of_the_messages_after_the_end(monkeypatch):
    read = []
    whole = ClientSession.receive
    monkeypatch.setattr(ClientSession, "receive", lambda self, data: read.append(data) or whole(self, data))
    answer = kinds(await messages(await post("poll/", HELLO, HELLO, *[{"type": "ack", "messages": 0}] * 100)))
    assert (answer, len(read)) == (["welcome", "bye"], 2)


async def test_method_that_is_not_served_is_said_so():
    for path, allowed in [("sse/", "GET, POST, OPTIONS"), ("poll/", "POST, OPTIONS"), ("call/", "POST, OPTIONS")]:
        response = await AsyncClient().put(f"/realtime/{path}")
        assert (response.status_code, response.headers["Allow"]) == (405, allowed)


async def test_proxies_are_told_to_keep_nothing_and_to_hold_nothing_back(path):
    response = await post(path, *PATHS[path])
    await text(response)
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    "middleware",
    [
        "django.middleware.gzip.GZipMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "tests.connections.transports.test_http.plain_middleware",
    ],
)
async def test_middleware_that_knows_nothing_of_it_does_no_harm(path, settings, middleware):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    response = await post(path, *PATHS[path], Accept_Encoding="gzip")
    assert "Content-Encoding" not in response.headers
    assert kinds(await messages(response))[0] == "welcome"


def plain_middleware(get_response):
    return lambda request: get_response(request)


async def test_site_with_a_transaction_for_each_request_is_served(path, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    response = await post(path, *PATHS[path])
    assert kinds(await messages(response))[0] == "welcome"


def test_server_without_asgi_is_told_so(committed, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    response = Client().post("/realtime/poll/", json.dumps([HELLO]), content_type="application/json")
    assert (response.status_code, response.content) == (501, b"This address needs an ASGI server, such as daphne.")


async def test_one_connection_too_many_is_told_on_each_transport(path, settings, monkeypatch):
    limit(settings, connections_per_address=0)
    monkeypatch.setattr("realtime.connections.handshake.client_address", lambda **_: "192.0.2.1")
    assert await messages(await post(path, *PATHS[path])) == [
        {
            "type": "bye",
            "code": 4002,
            "reason": "The limit of 0 connections from this address is reached.",
            "retry": 30.0,
        }
    ]


@pytest.mark.parametrize("path", ["sse/", "poll/"])
async def test_query_of_too_many_fields_is_refused_in_one_line_of_the_log(hub, path, caplog):
    query = "&".join(["subscribe={}"] * 1001)
    client = AsyncClient()
    if path == "sse/":
        response = await client.get(f"/realtime/{path}?{query}")
    else:
        response = await post(f"{path}?{query}", HELLO, client=client)
    assert response.status_code == 400
    [told] = json.loads(response.content)
    assert (told["code"], told["reason"]) == (4201, "The query has more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS.")
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
