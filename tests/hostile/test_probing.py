"""What a visitor learns who asks for streams at random, or has a cookie that nobody can have given to them."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client

from realtime import ModelStream, live_value
from realtime.auth.identity import Identity
from tests.connections.transports.conftest import hub
from tests.models import Book
from tests.support.streams import registered
from tests.support.wire import WireClient, until

__all__ = ["hub"]

PROBES = {
    "no stream": ("nowhere", {}),
    "a closed stream": ("books", {"shelf": 1}),
    "without its parameters": ("books", {}),
    "with one that it has not": ("books", {"shelf": 1, "x": 1}),
    "with a wrong one": ("books", {"shelf": "x"}),
}


@pytest.fixture
def identity(elsewhere) -> Identity:
    return Identity(str(elsewhere(User.objects.create_user, "ann").pk))


def told(client: WireClient, name: str) -> list[tuple[int, str]]:
    found = [m if m["type"] == "refused" else m["error"] for m in client.received if m["type"] in ("refused", "reply")]
    return [(each["code"], each["reason"].replace(repr(name), "?")) for each in found]


@pytest.mark.parametrize("probe", PROBES)
async def test_visitor_learns_no_name_of_a_stream_that_is_closed_to_them(committed, probe):
    name, params = PROBES[probe]
    async with WireClient() as client:
        await client.subscribe(name, **params)
        call = {"type": "call", "id": "c1", "stream": name, "params": params, "action": "add"}
        client.connection.receive(json.dumps(call))
        await until(lambda: client.protocol.replies)
        assert (
            told(client, name)
            == [(4214, "You do not have permission to view the stream ? with these parameters.")] * 2
        )


@pytest.mark.parametrize("params", [{}, {"shelf": 1, "x": 1}, {"shelf": "x"}])
async def test_visitor_learns_no_name_of_a_parameter(committed, params):
    async with WireClient() as client:
        await client.subscribe("top", **params)
        assert told(client, "top") == [(4213, "The parameters of the stream ? do not match its signature.")]


async def test_visitor_is_told_while_a_developer_looks(committed, settings):
    settings.DEBUG = True
    async with WireClient() as client:
        await client.subscribe("top")
        assert "needs the parameter 'shelf'" in told(client, "top")[0][1]


def test_form_tells_a_visitor_no_name_either(committed, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    subjects = [{"stream": name, "params": {"shelf": 1}, "pk": None} for name in ("nowhere", "books")]
    answers = [Client().post("/realtime/form/", {"_live_form": json.dumps(each)}) for each in subjects]
    assert [answer.status_code for answer in answers] == [403, 403]


NOISE = [r'"\000"', r'"abc\000def"', r'"\001\177"', r'"a b"', r'"\377\376"', "\u00e4" * 8]


@pytest.mark.databases
@pytest.mark.parametrize("cookie", NOISE)
@pytest.mark.parametrize("csrf_in_session", [False, True])
async def test_session_that_no_store_can_have_made_is_a_visitors_over_http(hub, settings, cookie, csrf_in_session):
    settings.CSRF_USE_SESSIONS = csrf_in_session
    client = AsyncClient(headers={"Cookie": f"sessionid={cookie}"})
    response = await client.get("/realtime/sse/?subscribe=%7B%22stream%22%3A%22books%22%7D")
    assert response.status_code == 200
    found = []
    async for chunk in response.streaming_content:
        found.append(chunk.decode())
        if "refused" in found[-1]:
            break
    assert '"code":4214' in "".join(found)


@pytest.mark.parametrize("cookie", NOISE[:3])
async def test_session_that_no_store_can_have_made_is_a_visitors_over_a_websocket(client, cookie, shelf):
    async with client(cookie) as remote:
        await remote.subscribe("top", shelf=shelf.pk)
        await remote.subscribe("books", id=2, shelf=shelf.pk)
        assert remote.protocol.subscriptions[2].refusal["code"] == 4214


class Valued(ModelStream):
    model = Book
    fields = ["title"]

    def authorize(self, user, **params):
        return True

    def get_queryset(self):
        return Book.objects.all()

    @live_value(permission="tests.delete_book")
    def secret(self):
        return 42


async def test_live_value_is_open_to_those_with_its_permission_alone(identity, elsewhere):
    with registered(valued=Valued):
        async with WireClient(identity) as client:
            await client.subscribe("valued", id=1, format="value:secret")
            await client.subscribe("valued", id=2)
            assert client.refusals == {1: 4214}
        permission = await elsewhere.soon(
            Permission.objects.get, codename="delete_book", content_type__app_label="tests"
        )
        user = await elsewhere.soon(User.objects.get, pk=identity.user)
        await elsewhere.soon(user.user_permissions.add, permission)
        async with WireClient(identity) as client:
            await client.subscribe("valued", format="value:secret")
            assert client.rows() == [42]
            await elsewhere.soon(user.user_permissions.remove, permission)
            await until(lambda: client.refusals)
