"""Who a WebSocket's client is: by the session's cookie, or by the middleware that a project has put before it."""

from __future__ import annotations

import json

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session

from realtime.routing import websocket_urlpatterns

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
