"""Who a WebSocket's client is: by the session's cookie, or by the middleware that a project has put before it."""

from __future__ import annotations

import asyncio
import json

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session
from django.test import AsyncClient

from realtime.auth.limits import Quotas
from realtime.connections.handshake import check_handshake
from realtime.routing import websocket_urlpatterns
from tests.support.limits import limit

PLAIN = URLRouter(websocket_urlpatterns)
WRAPPED = AuthMiddlewareStack(PLAIN)
ASKED = [{"type": "hello", "version": 1}, {"type": "subscribe", "id": 1, "stream": "books"}]


async def answer(application, shelf, *, cookie: str) -> str:
    """The type of the answer to a subscription that visitors may not have."""
    communicator = WebsocketCommunicator(
        application, "/realtime/ws/", headers=[(b"host", b"testserver"), (b"cookie", cookie.encode())]
    )
    await communicator.connect(timeout=60)
    for message in ASKED:
        more = {"params": {"shelf": shelf.pk}} if "id" in message else {}
        await communicator.send_to(json.dumps(message | more))
    received = [json.loads(await communicator.receive_from(timeout=60)) for _ in range(2)]
    await communicator.disconnect(timeout=60)
    return received[1]["type"]


@pytest.mark.parametrize("application", [PLAIN, WRAPPED], ids=["plain", "wrapped"])
async def test_session_cookie_tells_the_user(application, session, shelf):
    assert await answer(application, shelf, cookie=f"a=b; sessionid={session}") == "subscribed"


@pytest.mark.parametrize("application", [PLAIN, WRAPPED], ids=["plain", "wrapped"])
@pytest.mark.parametrize("cookie", ["", "a=b", "sessionid=", "sessionid=nonsense"])
async def test_without_a_session_it_is_a_visitor(application, shelf, cookie):
    assert await answer(application, shelf, cookie=cookie) == "refused"


async def test_session_of_a_key_that_was_replaced_stays(session, shelf, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert await answer(PLAIN, shelf, cookie=f"sessionid={session}") == "subscribed"
    assert await Session.objects.filter(pk=session).aexists()


async def test_user_of_the_middleware_counts_before_the_cookie(session, shelf):
    async def nobody(scope, receive, send):
        await PLAIN({**scope, "user": None}, receive, send)

    assert await answer(nobody, shelf, cookie=f"sessionid={session}") == "refused"


async def first(application, *, cookie: str) -> dict:
    """The first message to a client with this cookie, which says hello."""
    headers = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
    communicator = WebsocketCommunicator(application, "/realtime/ws/", headers=headers)
    await communicator.connect(timeout=60)
    await communicator.send_to(json.dumps(ASKED[0]))
    message = json.loads(await communicator.receive_from(timeout=60))
    await communicator.disconnect(timeout=60)
    return message


async def test_cookies_that_are_made_up_are_looked_up_so_often_and_cost_users_nothing(hub, session, settings):
    limit(settings, checks_per_second=0.1, anonymous_addresses=1)
    for _ in range(5):
        assert (await first(PLAIN, cookie=f"sessionid={session}"))["type"] == "welcome"
        # a user's own bucket: it is not the visitors' one
        hub.quotas = Quotas()
    told = [await first(PLAIN, cookie=f"sessionid=madeup{number}") for number in range(4)]
    assert [message["type"] for message in told] == ["welcome", "bye", "bye", "bye"]
    assert told[-1].pop("retry") > 0
    rule = "may send 0.1 subscriptions, tokens and sessions per second on average."
    assert told[-1] == {"type": "bye", "code": 4002, "reason": f"Anonymous clients of one address {rule}"}
    assert (await first(PLAIN, cookie="a=b"))["type"] == "welcome"  # nothing is looked up


async def test_sessions_of_one_user_are_looked_up_so_often(hub, session, settings):
    limit(settings, checks_per_second=0.2)
    told = [await first(PLAIN, cookie=f"sessionid={session}") for _ in range(3)]
    assert [message["type"] for message in told] == ["welcome", "welcome", "bye"]
    assert hub.quotas.of(user=None, address="", now=0.0).shared.checks.is_full(asyncio.get_running_loop().time())


async def test_cookies_that_are_made_up_are_looked_up_so_often_over_http(hub, settings):
    limit(settings, checks_per_second=0.1, anonymous_addresses=1)
    answers = []
    for _ in range(2):
        client = AsyncClient()  # a new one: the answer takes the cookie away
        client.cookies["sessionid"] = "madeup"
        answers.append(await client.get("/realtime/sse/"))
    assert [answer.status_code for answer in answers] == [200, 400]
    assert json.loads(answers[1].content)[0]["code"] == 4002
    assert (await AsyncClient().get("/realtime/sse/")).status_code == 200


def test_address_is_read_from_all_lines_of_its_header(settings):
    settings.REALTIME_TRUSTED_PROXIES = 2
    lines = [(b"X-Forwarded-For", each) for each in (b"forged", b"198.51.100.7, 203.0.113.9", b"10.0.0.1")]
    scope = {"type": "websocket", "headers": [(b"host", b"testserver"), *lines], "client": ["10.0.0.2", 1]}
    assert check_handshake(scope).address == "203.0.113.9"
