"""Revocation: access is checked again when its basis changes, and refused users see no later row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

import realtime
from realtime.auth.identity import Identity
from realtime.changelog import get_changelog
from realtime.hub.hub import get_hub
from tests.models import Book, Note, Shelf
from tests.support.logins import new_session
from tests.support.waiting import wait_until
from tests.support.wire import WireClient, until

pytestmark = pytest.mark.usefixtures("committed")

User = get_user_model()


class World:
    """A shelf that ann may see with her own permission, bob with a group's, and cid as a superuser."""

    def __init__(self) -> None:
        view = Permission.objects.get(codename="view_shelf", content_type__app_label="tests")
        self.shelf = Shelf.objects.create(name="one")
        self.group = Group.objects.create(name="readers")
        self.group.permissions.add(view)
        self.ann, self.bob = User.objects.create_user("ann"), User.objects.create_user("bob")
        self.cid = User.objects.create_superuser("cid")
        self.dan = User.objects.create_user("dan", is_staff=True)
        self.ann.user_permissions.add(view)
        self.bob.groups.add(self.group)


@pytest.fixture
def world(committed: None) -> World:
    return World()


@pytest.fixture
def by_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the log, which is polled at least twice a second, reports changes; periodic checks are off."""
    monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 3600.0)
    assert get_changelog("default").poll_seconds <= 0.5


def log_in(user: Any) -> Identity:
    return Identity(str(user.pk), new_session(user))


def no_permission(world: World) -> None:
    world.ann.user_permissions.clear()


def not_active(world: World) -> None:
    User.objects.get(pk=world.ann.pk)
    world.ann.is_active = False
    world.ann.save()


def no_membership(world: World) -> None:
    world.group.user_set.remove(world.bob)


def no_membership_any_more(world: World) -> None:
    world.bob.groups.set([])


def no_group_permission(world: World) -> None:
    world.group.permissions.clear()


def no_group(world: World) -> None:
    world.group.delete()


def no_superuser(world: World) -> None:
    world.cid.is_superuser = False
    world.cid.save()


def no_staff(world: World) -> None:
    world.dan.is_staff = False
    world.dan.save()


def no_user(world: World) -> None:
    world.ann.delete()


REVOCATIONS = [
    ("ann", no_permission),
    ("ann", no_user),
    ("bob", no_membership),
    ("bob", no_membership_any_more),
    ("bob", no_group_permission),
    ("bob", no_group),
    ("cid", no_superuser),
]


@pytest.mark.databases
@pytest.mark.parametrize(("name", "revocation"), REVOCATIONS)
async def test_rows_leave_within_a_second_of(
    name: str, revocation: Callable[[World], None], world: World, by_the_log: None
):
    user = getattr(world, name)
    async with WireClient(Identity(str(user.pk))) as client, WireClient(Identity(str(world.cid.pk))) as other:
        await client.subscribe("shelves")
        await other.subscribe("shelves")
        assert [row["name"] for row in client.rows()] == ["one"]

        await sync_to_async(revocation)(world)
        await until(lambda: client.refusals or client.closed)

        if user is not world.cid:
            assert not other.refusals
            assert other.closed is None


@pytest.mark.parametrize(("name", "revocation"), [*REVOCATIONS, ("ann", not_active)])
async def test_no_row_written_later_is_seen_after(name: str, revocation: Callable[[World], None], world: World):
    user = getattr(world, name)
    stop = asyncio.Event()
    revoked: list[str] = []  # names of shelves written after the revocation

    async def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shelf = await Shelf.objects.acreate(name=f"shelf {number}")
            if revoked:
                revoked.append(shelf.name)
            else:
                await asyncio.sleep(0)

    async with WireClient(Identity(str(user.pk))) as client:
        await client.subscribe("shelves")
        writing = asyncio.create_task(write())
        await until(lambda: len(client.rows()) > 5)

        await sync_to_async(revocation)(world)
        revoked.append("from now on")
        await until(lambda: client.refusals or client.closed)
        await until(lambda: len(revoked) > 20)
        stop.set()
        await writing

    seen = {
        put["row"]["name"]
        for message in client.received
        if message["type"] == "frame"
        for delta in message["deltas"]
        for put in delta.get("puts", ())
    }
    assert seen
    assert seen.isdisjoint(revoked)


async def test_former_staff_is_refused_streams_for_staff(world: World, by_the_log: None):
    async with WireClient(Identity(str(world.dan.pk))) as client:
        await client.subscribe("staffroom")
        await sync_to_async(no_staff)(world)
        await until(lambda: client.refusals)
        assert client.refusals == {1: 4214}


async def test_former_staff_gets_fewer_fields_and_another_template(world: World):
    await Book.objects.acreate(title="a", pages=7, shelf=world.shelf)
    async with WireClient(Identity(str(world.dan.pk))) as client:
        await client.subscribe("priced", id=1, shelf=world.shelf.pk)
        await client.subscribe("priced", id=2, format="html", shelf=world.shelf.pk)
        assert (set(client.rows(1)[0]), "(7)" in client.rows(2)[0]) == ({"id", "title", "pages"}, True)

        await sync_to_async(no_staff)(world)
        await until(lambda: set(client.rows(1)[0]) == {"id", "title"} and "(7)" not in client.rows(2)[0])
        count = len(client.received)
        await Book.objects.filter(title="a").aupdate(pages=8)
        await until(lambda: len(client.received) > count)
        assert "8" not in [str(row.get("pages")) for row in client.rows(1)]


@pytest.mark.databases
async def test_flush_of_the_session_table_ends_all_sessions(world: World):
    async with WireClient(await sync_to_async(log_in)(world.ann)) as client:
        await client.subscribe("shelves")
        await sync_to_async(call_command)("clearsessions")
        await Session.objects.all().aupdate(expire_date=timezone.now() - timezone.timedelta(days=1))
        await sync_to_async(call_command)("clearsessions")
        await until(lambda: client.closed)
        assert client.closed[0] == 4101


@pytest.mark.databases
async def test_log_of_access_is_read_although_nobody_subscribes_to_its_database(world: World):
    async with WireClient():
        [log] = get_hub().logs
        await log.started.wait()
        before = log.position
        await sync_to_async(not_active)(world)
        await until(lambda: log.position != before)


async def test_logout_ends_the_connection_of_its_session_only(world: World):
    here, there = await sync_to_async(log_in)(world.ann), await sync_to_async(log_in)(world.ann)
    async with WireClient(here) as client, WireClient(there) as other:
        await client.subscribe("shelves")
        await other.subscribe("shelves")

        await sync_to_async(SessionStore(here.session).flush)()

        await until(lambda: client.closed)
        assert client.closed == (4101, "Your session has ended or belongs to another user.")
        assert client.received[-1] == {
            "type": "bye",
            "code": 4101,
            "reason": "Your session has ended or belongs to another user.",
        }
        await Shelf.objects.acreate(name="two")
        await until(lambda: len(other.rows()) == 2)
        assert other.closed is None


async def test_deleted_session_row_ends_its_connection(world: World):
    async with WireClient(await sync_to_async(log_in)(world.ann)) as client:
        await client.subscribe("shelves")
        await Session.objects.all().adelete()
        await until(lambda: client.closed)
        assert client.closed is not None
        assert client.closed[0] == 4101


async def test_changed_password_ends_all_sessions(world: World):
    async with WireClient(await sync_to_async(log_in)(world.ann)) as client:
        await client.subscribe("shelves")
        world.ann.set_password("new")
        await world.ann.asave()
        await until(lambda: client.closed)


async def test_session_ends_when_it_expires(world: World):
    identity = await sync_to_async(log_in)(world.ann)
    soon = timezone.now() + timezone.timedelta(seconds=0.5)
    await Session.objects.aupdate(expire_date=soon)
    async with WireClient(identity) as client:  # on a slow machine, it may expire before it subscribes
        await until(lambda: client.closed)
        assert client.closed is not None
        assert client.closed[0] == 4101


async def test_change_of_a_model_in_authorize_depends_on_is_checked(world: World):
    note = await Note.objects.acreate(text="ann all")
    await Book.objects.acreate(title="a", shelf=world.shelf)
    async with WireClient(Identity(str(world.ann.pk))) as client:
        await client.subscribe("noted", shelf=world.shelf.pk)
        assert client.titles() == ["a"]
        await note.adelete()
        await until(lambda: client.refusals)
        assert client.refusals == {1: 4214}


async def test_user_with_another_audience_gets_its_rows(world: World):
    note = await Note.objects.acreate(text="ann all")
    for title in ("apple", "bean"):
        await Book.objects.acreate(title=title, shelf=world.shelf)
    async with WireClient(Identity(str(world.ann.pk))) as client:
        await client.subscribe("noted", shelf=world.shelf.pk)
        assert client.titles() == ["apple", "bean"]

        note.text = "ann b"
        await note.asave()
        await until(lambda: client.titles() == ["bean"])

        await Book.objects.acreate(title="avocado", shelf=world.shelf)
        await Book.objects.acreate(title="berry", shelf=world.shelf)
        await until(lambda: client.titles() == ["bean", "berry"])
        assert not client.refusals


async def test_revoke_checks_a_user_for_reasons_outside_the_database(world: World, monkeypatch):
    from tests.streams import BookStream

    blocked: set[Any] = set()
    monkeypatch.setattr(BookStream, "authorize", lambda self, user, shelf: user.pk not in blocked)
    async with WireClient(Identity(str(world.ann.pk))) as ann, WireClient(Identity(str(world.bob.pk))) as bob:
        await ann.subscribe("books", shelf=world.shelf.pk)
        await bob.subscribe("books", shelf=world.shelf.pk)
        blocked.add(world.ann.pk)
        await realtime.arevoke(world.ann)
        await until(lambda: ann.refusals)
        assert not bob.refusals


async def test_user_who_keeps_access_misses_nothing_during_the_check(world: World):
    async with WireClient(Identity(str(world.ann.pk))) as client:
        await client.subscribe("shelves")
        for number in range(10):
            await Shelf.objects.acreate(name=f"{number}")
            await realtime.arevoke(world.ann.pk)
        await until(lambda: [row["name"] for row in client.rows()] == ["one", *map(str, range(10))])
        assert not client.refusals


async def test_pending_subscription_is_authorized_by_the_state_at_its_start(world: World, monkeypatch):
    from tests.streams import ShelfStream

    decisions = []

    def authorize(self: Any, user: Any) -> bool:
        decisions.append(user.has_perm("tests.view_shelf"))
        if len(decisions) == 1:  # revoked after the check, before its result is used
            Permission.objects.get(codename="view_shelf", content_type__app_label="tests").user_set.clear()
            wait_until(lambda: client.connection._subscriptions._access_changes, what="the change to be noticed")
        return decisions[-1]

    monkeypatch.setattr(ShelfStream, "authorize", authorize)
    async with WireClient(Identity(str(world.ann.pk))) as client:
        await client.subscribe("shelves")
        assert client.refusals == {1: 4214}
    assert decisions == [True, False]


def test_log_contains_no_session_key(world: World):
    from realtime.models import Change

    identity = log_in(world.ann)
    assert identity.session
    SessionStore(identity.session).flush()
    row = Change.objects.get(model="realtime.access")
    assert row.key.startswith("session:")
    assert identity.session not in row.key


async def test_client_that_reconnects_with_another_audience_gets_all_rows(world: World):
    note = await Note.objects.acreate(text="ann all")
    for title in ("apple", "bean"):
        await Book.objects.acreate(title=title, shelf=world.shelf)
    client = WireClient(Identity(str(world.ann.pk)))
    async with client:
        await client.subscribe("noted", shelf=world.shelf.pk)
        assert client.titles() == ["apple", "bean"]
    client.protocol.lose()
    await Note.objects.filter(pk=note.pk).aupdate(text="ann b")
    async with client:
        await until(lambda: client.protocol.subscriptions[1].live)
        assert client.titles() == ["bean"]
