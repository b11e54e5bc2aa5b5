"""Bearer tokens: a client without a cookie sends one in its first message, and a newer one before it expires."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import realtime
from realtime.auth.authorization import authorize_request
from realtime.auth.identity import Identity, current, identify
from realtime.connections.connection import Connection
from realtime.exceptions import BadMessage, SessionEnded
from realtime.hub.hub import get_hub
from tests.support import passes
from tests.support.limits import limit
from tests.support.replica import ReferenceClient
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


@pytest.fixture(autouse=True)
def hook(settings) -> Iterator[None]:
    settings.REALTIME_AUTHENTICATE = "tests.support.passes.authenticate"
    yield
    passes.withdrawn.clear()


@pytest.fixture
def ann(elsewhere) -> User:
    return elsewhere(User.objects.create_user, "ann")


def greeting(token: str, identity: Identity = Identity()) -> WireClient:  # noqa: B008 - immutable
    """Return a client with this token in its hello message; `identity` is that of its cookie."""
    client = WireClient(identity)
    client.protocol.token = token
    return client


def renew(client: WireClient, token: str) -> None:
    client.say([ReferenceClient.text(type="authenticate", token=token)])


async def test_user_is_that_of_the_token(shelf, ann):
    async with greeting(passes.token("ann")) as client:
        await client.subscribe("books", shelf=shelf.pk)
        assert client.refusals == {}
        assert "expires" not in client.received[0]


async def test_welcome_contains_the_expiry_of_the_token(shelf, ann):
    async with greeting(passes.token("ann", seconds=60)) as client:
        await until(lambda: client.received)
        assert 50 < client.received[0]["expires"] <= 60


# with ids, because tokens have the time in them, and parallel processes must collect the same tests
@pytest.mark.parametrize(
    "token",
    ["forged", "", passes.token("nobody"), passes.token("ann", seconds=-1)],
    ids=["forged", "empty", "nobody's", "expired"],
)
async def test_invalid_token_ends_the_connection_before_any_message(token, ann):
    async with greeting(token) as client:
        await until(lambda: client.closed)
        assert client.received == [{"type": "bye", "code": 4101, "reason": "The token is invalid or has expired."}]


async def test_requests_before_the_welcome_wait_for_it(shelf, ann):
    client = greeting(passes.token("ann"))
    client.protocol.subscribe(1, stream="books", params={"shelf": shelf.pk}, format="data")
    async with client:
        await until(lambda: client.protocol.live)
        assert [message["type"] for message in client.received] == ["welcome", "subscribed", "frame"]


def call(id: str, **fields) -> str:
    return ReferenceClient.text(type="call", id=id, **fields)


async def test_frame_names_a_call_that_came_before_the_welcome(shelf, ann):
    client = greeting(passes.token("ann"))
    client.protocol.subscribe(1, stream="books", params={"shelf": shelf.pk}, format="data")
    async with client:
        client.say([call("c1", stream="books", params={"shelf": shelf.pk}, action="add", args={"title": "new"})])
        await until(lambda: "c1" in client.protocol.replies and client.protocol.named)
        assert client.protocol.named == ["c1"]


async def test_call_before_the_welcome_with_a_forged_page_token_is_refused_after_it(ann):
    async with greeting(passes.token("ann")) as client:
        client.say([call("c1", token="forged", action="add")])
        await until(lambda: "c1" in client.protocol.replies)
        assert [message["type"] for message in client.received] == ["welcome", "reply"]


async def test_server_without_a_hook_refuses_tokens(committed, settings):
    settings.REALTIME_AUTHENTICATE = ""
    async with greeting("t") as client:
        await until(lambda: client.closed)
        assert client.closed == (4200, "This server does not accept tokens: REALTIME_AUTHENTICATE is not set.")


async def test_failing_hook_is_logged_and_its_reason_is_not_sent(committed, settings, caplog):
    settings.REALTIME_AUTHENTICATE = "tests.support.passes.fail"
    async with greeting("t") as client:
        await until(lambda: client.closed)
        assert client.closed == (4001, "Internal server error; see the server's log.")
    assert "secret" in caplog.text


async def test_hook_may_be_a_coroutine(shelf, ann, settings):
    settings.REALTIME_AUTHENTICATE = "tests.support.passes.aauthenticate"
    async with greeting("ann") as client:
        await client.subscribe("books", shelf=shelf.pk)
        assert client.refusals == {}


async def test_expired_token_ends_the_connection(shelf, ann):
    async with greeting(passes.token("ann", seconds=0.6)) as client:
        await until(lambda: client.received)
        await until(lambda: client.closed)
        assert client.closed == (4101, "Your session has ended or belongs to another user.")


async def test_expired_token_ends_the_connection_during_a_check_of_the_previous_identity(shelf, ann, monkeypatch):
    is_checking, go_on = threading.Event(), threading.Event()

    def slow(request, logins):
        if request.identity.user is None:
            is_checking.set()
            go_on.wait(seconds(10))
        return authorize_request(request, logins)

    monkeypatch.setattr("realtime.connections.subscriptions.authorize_request", slow)
    monkeypatch.setattr(Connection, "reauthorize", lambda self, access: None)  # ignore the changes of fixtures
    async with greeting(passes.token("ann", seconds=0.6)) as client:
        client.connection._subscriptions._reauthorize()
        await until(lambda: is_checking.is_set() and client.received)
        go_on.set()
        await until(lambda: client.closed)
        assert client.closed == (4101, "Your session has ended or belongs to another user.")


async def test_newer_token_keeps_the_connection(shelf, ann, add):
    first = passes.token("ann", seconds=60)
    async with greeting(first) as client:
        await client.subscribe("books", shelf=shelf.pk)
        renew(client, passes.token("ann", seconds=600))
        await until(lambda: client.received[-1]["type"] == "authenticated")
        assert client.received[-1]["expires"] > 500
        passes.withdrawn.add(first)
        client.connection.sweep(client.connection.peer.received_at + 61, {})  # after the first token's expiry
        await realtime.arevoke(ann)
        await add("a")  # arrives after the check
        await until(lambda: client.titles() == ["a"])
        assert (client.closed, client.refusals) == (None, {})


async def test_access_is_checked_again_with_the_newer_token(shelf, ann, monkeypatch):
    from tests.streams import BookStream

    checked = []
    monkeypatch.setattr(
        BookStream, "authorize", lambda self, user, shelf: not checked.append(user.pk) and len(checked) < 2
    )
    async with greeting(passes.token("ann")) as client:
        await client.subscribe("books", shelf=shelf.pk)
        renew(client, passes.token("ann"))
        await until(lambda: client.refusals)
        assert (client.refusals, checked) == ({1: 4214}, [ann.pk, ann.pk])


@pytest.mark.parametrize(
    "token", ["forged", passes.token("bob"), passes.token("ann", seconds=-1)], ids=["forged", "bob's", "expired"]
)
async def test_invalid_newer_token_ends_the_connection(token, shelf, ann, elsewhere):
    await elsewhere.soon(User.objects.create_user, "bob")
    async with greeting(passes.token("ann")) as client:
        await client.subscribe("books", shelf=shelf.pk)
        renew(client, token)
        await until(lambda: client.closed)
        assert client.closed[0] == 4101


async def test_connection_with_session_and_token_belongs_to_the_token(shelf, ann, elsewhere):
    bob = await elsewhere.soon(User.objects.create_user, "bob")
    hub = get_hub()
    async with (
        WireClient(Identity(str(bob.pk))) as other,
        greeting(passes.token("ann"), Identity(str(bob.pk))) as client,
    ):
        await client.subscribe("books", shelf=shelf.pk)
        realtime.send_user_event(bob, "for bob")
        realtime.send_user_event(ann, "for ann")
        await until(lambda: client.events and other.events)
        assert ([name for name, *_ in client.events], [name for name, *_ in other.events]) == (
            ["for ann"],
            ["for bob"],
        )

        await realtime.arevoke(bob)
        await client.subscribe("top", id=2, shelf=shelf.pk)
        assert client.closed is None
    assert (dict(hub._users), hub._belongs, hub._clients) == ({}, {}, set())


async def test_token_does_not_change_the_user_of_a_session(shelf, ann, elsewhere):
    bob = await elsewhere.soon(User.objects.create_user, "bob")
    async with WireClient(Identity(str(bob.pk))) as client:
        await client.subscribe("books", shelf=shelf.pk)
        renew(client, passes.token("ann"))
        await until(lambda: client.closed)
        assert client.closed == (4101, "The token belongs to another user than this connection.")


async def test_withdrawn_token_ends_the_connection_after_revoke(shelf, ann):
    token = passes.token("ann")
    async with greeting(token) as client:
        await client.subscribe("books", shelf=shelf.pk)
        passes.withdrawn.add(token)
        await realtime.arevoke(ann)
        await until(lambda: client.closed)
        assert client.closed[0] == 4101


async def test_deactivated_user_is_disconnected(shelf, ann, elsewhere):
    async with greeting(passes.token("ann")) as client:
        await client.subscribe("books", shelf=shelf.pk)
        ann.is_active = False
        await elsewhere.soon(ann.save)
        await until(lambda: client.closed)
        assert client.closed[0] == 4101


async def test_connections_with_a_token_count_for_the_user(shelf, ann, settings):
    limit(settings, connections_per_user=1)
    async with greeting(passes.token("ann")) as client, greeting(passes.token("ann")) as other:
        await until(lambda: client.closed or other.closed)
        assert {client.closed, other.closed} == {None, (4002, "The limit of 1 connections of this user is reached.")}


class TestIdentify:
    pytestmark = pytest.mark.django_db

    @pytest.fixture(autouse=True)
    def ann(self, db):
        self.ann = User.objects.create_user("ann")

    def answer(self, monkeypatch, answer):
        monkeypatch.setattr(passes, "authenticate", lambda token: answer)

    @pytest.mark.parametrize("aware", [True, False])
    def test_expiry_may_be_a_datetime(self, aware, monkeypatch):
        ends = timezone.now() + timedelta(seconds=60)
        self.answer(monkeypatch, (self.ann, ends if aware else timezone.make_naive(ends)))
        identity, standing = identify("t")
        assert identity == Identity(str(self.ann.pk), None, "t")
        assert standing.seconds == pytest.approx(60, abs=5)

    def test_user_without_expiry(self, monkeypatch):
        self.answer(monkeypatch, self.ann)
        assert identify("t")[1].seconds is None

    @pytest.mark.parametrize("answer", [None, (None, None)])
    def test_no_user_is_anonymous(self, answer, monkeypatch):
        self.answer(monkeypatch, answer)
        with pytest.raises(SessionEnded):
            identify("t")

    def test_inactive_user_is_anonymous(self, monkeypatch):
        self.ann.is_active = False
        self.answer(monkeypatch, self.ann)
        with pytest.raises(SessionEnded):
            identify("t")

    def test_token_of_another_user_is_invalid(self, monkeypatch):
        self.answer(monkeypatch, self.ann)
        assert not current(Identity("999", None, "t")).holds

    def test_no_token_is_valid_without_a_hook(self, settings):
        settings.REALTIME_AUTHENTICATE = ""
        with pytest.raises(BadMessage):
            identify("t")
        assert not current(Identity("5", None, "t")).holds
