"""Presence: one person is one row, whatever pages and processes they use; the dead are taken away, nobody else is."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import User
from django.db import connections
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream, PresenceStream
from realtime.auth.identity import Identity
from realtime.hub import presence_rows, presence_tracker
from realtime.hub.presence_rows import Arrival, Lapsed, Who
from realtime.hub.presence_tracker import TOGETHER_SECONDS, PresenceTracker, PresentUser, get_presence_tracker
from realtime.hub.threads import ReaderThread
from realtime.models import Change, Presence, Seat, Server
from realtime.streams.place import Place
from realtime.streams.registry import registry
from realtime.streams.validation import problems
from tests.models import Book, Note, Shelf
from tests.support.limits import limit
from tests.support.streams import registered
from tests.support.waiting import wait_until
from tests.support.wire import WireClient, until

PLACE = Place("p" * 40, "talk", {"shelf": 1})
OTHER = Place("q" * 40, "talk", {"shelf": 2})


@pytest.fixture
def ann(elsewhere) -> User:
    return elsewhere(User.objects.create_user, "ann", first_name="Ann", last_name="Lee")


@pytest.fixture
def bob(elsewhere) -> User:
    return elsewhere(User.objects.create_user, "bob")


@pytest.fixture
def quick(settings):
    settings.REALTIME_PRESENCE_GRACE_SECONDS = 0.2
    limit(settings, presence_lease_seconds=1)


async def idle(tracker: PresenceTracker) -> None:
    """Return when no user is present and everything is written."""
    while (task := tracker._task) is not None:
        await asyncio.wait([task])


@pytest.fixture
async def ended(committed):
    """Nothing of presence goes on behind a test."""
    yield
    await idle(get_presence_tracker())


def client(user: User) -> WireClient:
    return WireClient(Identity(str(user.pk)))


async def enter(who: WireClient, shelf: Shelf, data: dict | None = None, *, id: int = 1) -> None:
    who.say(who.protocol.subscribe(id, stream="talk:presence", params={"shelf": shelf.pk}, format="data"))
    who.say(who.protocol.be_present(id, data or {}))
    await until(lambda: who.protocol.subscriptions[id].live)


def names(who: WireClient, id: int = 1) -> list[str]:
    return [row["name"] for row in who.rows(id)]


def said(who: WireClient) -> dict[str, dict]:
    return {row["name"]: row["data"] for row in who.rows()}


@pytest.mark.usefixtures("quick", "ended")
class TestCrowd:
    """What a client is sent does not grow with the crowd."""

    @pytest.fixture
    def users(self, elsewhere):
        def make() -> list[User]:
            User.objects.bulk_create([User(username=f"user{number:03}") for number in range(120)])
            return list(User.objects.order_by("pk"))

        return elsewhere(make)

    async def join(
        self, users: list[User], shelf: Shelf, at_a_time: int = 20, name: str = "talk:presence"
    ) -> list[WireClient]:
        clients = [client(user) for user in users]
        for start in range(0, len(clients), at_a_time):
            for who in clients[start : start + at_a_time]:
                await who.__aenter__()
                who.say(who.protocol.subscribe(1, stream=name, params={"shelf": shelf.pk}, format="data"))
                who.say(who.protocol.be_present(1, {}))
            await asyncio.sleep(0.05)
        return clients

    async def leave(self, clients: list[WireClient]) -> None:
        for who in clients:
            await who.__aexit__()

    async def test_is_the_first_fifty_and_a_number(self, users, shelf):
        clients = await self.join(users, shelf)
        try:
            await clients[0].subscribe("talk:presence", id=2, format="value:count", shelf=shelf.pk)
            await until(lambda: clients[0].rows(2) == [120])
            await until(lambda: len(clients[0].rows()) == 50)
            rows = sum(len(delta.get("puts", [])) for who in clients for delta in deltas(who))
            assert rows <= 120 * 50 * 1.5
        finally:
            await self.leave(clients)

    async def test_travels_together_for_a_second(self, users, shelf, settings):
        limit(settings, presence_lease_seconds=20)
        loop = asyncio.get_running_loop()
        async with client(users[0]) as first:
            await enter(first, shelf)
            await until(lambda: names(first))
            before, begun = len(frames(first)), loop.time()
            clients = await self.join(users[1:40], shelf, at_a_time=2)  # a second
            try:
                await until(lambda: len(names(first)) == 40)
                assert len(frames(first)) - before <= 2 + (loop.time() - begun) / TOGETHER_SECONDS
            finally:
                await self.leave(clients)

    async def test_who_asks_for_all_gets_all(self, users, shelf):
        clients = await self.join(users[:70], shelf, name="talk:presence:all")
        try:
            await until(lambda: len(clients[0].rows()) == 70)
        finally:
            await self.leave(clients)

    async def test_who_goes_makes_room_for_the_next(self, users, shelf):
        clients = await self.join(users[:52], shelf)
        try:
            watcher = clients[-1]
            await until(lambda: len(watcher.rows()) == 50)
            gone = watcher.rows()[0]["user"]
            [leaver] = [who for who in clients if who.identity.user == str(gone)]
            await leaver.__aexit__()
            clients.remove(leaver)
            await until(lambda: len(watcher.rows()) == 50 and gone not in [row["user"] for row in watcher.rows()])
        finally:
            await self.leave(clients)


def frames(who: WireClient) -> list[dict]:
    return [message for message in who.received if message["type"] == "frame" and message["deltas"]]


def deltas(who: WireClient) -> list[dict]:
    return [delta for frame in frames(who) for delta in frame["deltas"]]


@pytest.mark.usefixtures("quick", "ended")
class TestConnections:
    async def test_whoever_comes_is_seen_by_all(self, ann, bob, shelf):
        async with client(ann) as first, client(bob) as second:
            await enter(first, shelf)
            await until(lambda: names(first) == ["Ann Lee"])
            await enter(second, shelf)
            await until(lambda: names(first) == names(second) == ["Ann Lee", "bob"])
            [row, _] = first.rows()
            assert {**row, "since": ""} == {"user": ann.pk, "name": "Ann Lee", "data": {}, "since": ""}

    async def test_whoever_only_looks_on_is_not_there(self, ann, bob, shelf):
        async with client(ann) as first, client(bob) as second:
            await first.subscribe("talk:presence", shelf=shelf.pk)
            await enter(second, shelf)
            await until(lambda: names(first) == ["bob"])

    async def test_a_place_is_the_stream_with_its_parameters(self, ann, bob, shelf, elsewhere):
        other = await elsewhere.soon(Shelf.objects.create, name="two")
        async with client(ann) as first, client(bob) as second:
            await enter(first, shelf)
            await enter(second, other)
            await until(lambda: names(first) and names(second))
            assert (names(first), names(second)) == (["Ann Lee"], ["bob"])

    async def test_whoever_leaves_is_gone_after_the_grace(self, ann, bob, shelf):
        async with client(bob) as second:
            await enter(second, shelf)
            async with client(ann) as first:
                await enter(first, shelf)
                await until(lambda: len(names(second)) == 2)
            await until(lambda: names(second) == ["bob"])

    async def test_a_reload_within_the_grace_is_not_seen_and_costs_nothing(self, ann, bob, shelf, settings, elsewhere):
        settings.REALTIME_PRESENCE_GRACE_SECONDS = 30
        async with client(bob) as second:
            await enter(second, shelf)
            async with client(ann) as first:
                await enter(first, shelf)
                await until(lambda: len(names(second)) == 2)
            changes = await elsewhere.soon(Change.objects.filter(model="realtime.presence").count)
            async with client(ann) as again:
                await enter(again, shelf)
                await until(lambda: len(names(again)) == 2)
                settings.REALTIME_PRESENCE_GRACE_SECONDS = 0.2
            await until(lambda: names(second) == ["bob"])
            left = await elsewhere.soon(Change.objects.filter(model="realtime.presence").count)
        assert left == changes + 1

    async def test_many_pages_of_one_person_are_one_row_and_one_write(self, ann, shelf, elsewhere):
        async with client(ann) as first, client(ann) as second, client(ann) as third:
            for page in (first, second, third):
                await enter(page, shelf)
            await until(lambda: names(third) == ["Ann Lee"])
            await second.connection.close()
            await third.connection.close()
            await asyncio.sleep(0.4)  # longer than the grace: what must not happen
            assert names(first) == ["Ann Lee"]
            seats = await elsewhere.soon(lambda: (Presence.objects.count(), Seat.objects.count()))
            written = await elsewhere.soon(Change.objects.filter(model="realtime.presence").count)
        assert (seats, written) == ((1, 1), 1)

    async def test_what_somebody_says_of_themselves_is_seen(self, ann, bob, shelf):
        async with client(ann) as first, client(bob) as second:
            await enter(first, shelf, {"card": 3})
            await enter(second, shelf)
            await until(lambda: said(second) == {"Ann Lee": {"card": 3}, "bob": {}})
            first.say(first.protocol.be_present(1, {"card": 4}))
            await until(lambda: said(second)["Ann Lee"] == {"card": 4})

    async def test_the_page_that_goes_takes_its_word_along(self, ann, bob, shelf):
        async with client(bob) as second, client(ann) as first:
            await enter(second, shelf)
            await enter(first, shelf, {"card": 3})
            async with client(ann) as page:
                await enter(page, shelf, {"card": 4})
                await until(lambda: said(second).get("Ann Lee") == {"card": 4})
            await until(lambda: said(second).get("Ann Lee") == {"card": 3})

    async def test_unsubscribing_is_leaving(self, ann, bob, shelf):
        async with client(bob) as second, client(ann) as first:
            await enter(second, shelf)
            await enter(first, shelf)
            await until(lambda: len(names(second)) == 2)
            first.say(first.protocol.unsubscribe(1))
            await until(lambda: names(second) == ["bob"])

    async def test_whoever_lost_access_leaves_at_once(self, ann, bob, shelf, elsewhere, settings):
        settings.REALTIME_PRESENCE_GRACE_SECONDS = 30
        async with client(bob) as second, client(ann) as first:
            await enter(second, shelf)
            await enter(first, shelf)
            await until(lambda: len(names(second)) == 2)
            await elsewhere.soon(Note.objects.create, text="not ann")
            await until(lambda: first.refusals and names(second) == ["bob"])
            settings.REALTIME_PRESENCE_GRACE_SECONDS = 0.2

    async def test_a_refusal_is_said(self, ann, shelf):
        async with client(ann) as first, WireClient() as visitor:
            first.say(first.protocol.subscribe(1, stream="talk", params={"shelf": shelf.pk}))
            first.say(first.protocol.be_present(1, {}))
            await enter(first, shelf, {"card": "x" * 2000}, id=2)
            await enter(visitor, shelf)
            await until(lambda: len(first.protocol.rejected_events) == 2 and visitor.protocol.rejected_events)
        told = sorted((item["id"], item["code"], item["reason"]) for item in first.protocol.rejected_events)
        assert told == [
            (1, 4214, "The stream 'talk' has no presence; subscribe to a presence stream."),
            (2, 4201, "Presence data may have up to 1024 bytes; this has 2011."),
        ]
        assert visitor.protocol.rejected_events[0]["reason"] == "Only authenticated users can be present."

    async def test_with_the_last_person_all_is_gone(self, ann, shelf, elsewhere):
        async with client(ann) as first:
            await enter(first, shelf)
            await until(lambda: names(first))
        await idle(get_presence_tracker())
        assert await elsewhere.soon(lambda: [m.objects.count() for m in (Presence, Seat, Server)]) == [0, 0, 0]


def arrive(user: User, data: dict | None = None, place: Place = PLACE) -> Arrival:
    return Arrival(Who(place.key, str(user.pk)), place, data or {})


def seat(server: str, *arrivals: Arrival, gone: tuple[Who, ...] = (), seconds: float = 60) -> None:
    presence_rows.seat(server, arrivals, gone, seconds=seconds)


def here(place: Place = PLACE) -> dict[str, dict]:
    return {row.user.username: row.data for row in Presence.objects.filter(place=place.key).select_related("user")}


@pytest.mark.databases
@pytest.mark.django_db(transaction=True)
class TestRows:
    """What the processes do to the rows, without connections."""

    @pytest.fixture
    def ann(self) -> User:
        return User.objects.create_user("ann")

    @pytest.fixture
    def bob(self) -> User:
        return User.objects.create_user("bob")

    @pytest.fixture(autouse=True)
    def leases(self):
        for server in ("one", "two"):
            presence_rows.take_lease(server, seconds=60)

    def test_somebody_in_two_processes_is_there_until_both_have_let_go(self, ann):
        seat("one", arrive(ann))
        seat("two", arrive(ann))
        first = Presence.objects.get().pk
        seat("one", gone=(Who(PLACE.key, str(ann.pk)),))
        assert Presence.objects.get().pk == first
        seat("two", gone=(Who(PLACE.key, str(ann.pk)),))
        assert here() == {}

    def test_the_newest_word_counts_whichever_process_it_came_through(self, ann):
        seat("one", arrive(ann, {"card": 1}))
        Seat.objects.update(said=1)
        seat("two", arrive(ann, {"card": 2}))
        assert here() == {"ann": {"card": 2}}
        seat("two", arrive(ann, {}))
        assert here() == {"ann": {"card": 1}}

    def test_all_may_be_told_again(self, ann, bob):
        for _ in range(2):
            seat("one", arrive(ann), arrive(bob), arrive(ann, place=OTHER), gone=(Who(OTHER.key, str(bob.pk)),))
        assert (here(), here(OTHER)) == ({"ann": {}, "bob": {}}, {"ann": {}})

    def test_many_people_are_written_by_few_statements(self, django_assert_max_num_queries):
        users = User.objects.bulk_create([User(username=f"u{number}") for number in range(150)])
        users = list(User.objects.filter(username__in=[user.username for user in users]))
        with CaptureQueriesContext(connections["default"]) as captured:
            seat("one", *map(arrive, users))
        assert (len(here()), len(captured) <= 25) == (150, True)

    @pytest.mark.parametrize("key", ["service", "110248495921238986420"])
    def test_a_user_of_a_token_who_can_have_no_row_is_left_out(self, ann, key):
        who = Who(PLACE.key, key)
        seat("one", arrive(ann), Arrival(who, PLACE, {}))
        seat("one", gone=(who,))
        assert here() == {"ann": {}}

    def test_a_user_that_is_gone_is_left_out(self, ann, bob):
        seat("one", arrive(ann), arrive(bob))
        User.objects.filter(pk=bob.pk).delete()
        seat("one", arrive(ann, {"card": 1}), Arrival(Who(PLACE.key, str(bob.pk)), PLACE, {}))
        seat("one", gone=(Who(PLACE.key, str(bob.pk)),))
        assert here() == {"ann": {"card": 1}}

    def test_a_user_deleted_by_raw_sql_leaves(self, ann, bob):
        seat("one", arrive(ann), arrive(bob))
        users = User.objects.filter(pk=bob.pk)
        users._raw_delete("default")
        seat("one", gone=(Who(PLACE.key, str(bob.pk)),))
        assert [item.user_id for item in Presence.objects.all()] == [ann.pk]

    def test_the_people_of_a_dead_process_are_taken_away(self, ann, bob):
        seat("one", arrive(ann, {"card": 1}), arrive(bob))
        seat("two", arrive(ann))
        Server.objects.filter(pk="one").update(expires=1)
        assert presence_rows.sweep() == 1
        assert (here(), presence_rows.sweep()) == ({"ann": {}}, 0)
        assert list(Server.objects.values_list("pk", flat=True)) == ["two"]

    def test_a_living_process_is_left_alone(self, ann):
        seat("one", arrive(ann))
        assert (presence_rows.sweep(), here()) == (0, {"ann": {}})

    def test_a_lease_that_ran_out_is_told_and_one_that_is_gone_too(self):
        assert presence_rows.renew_lease("one", seconds=60) is True
        Server.objects.filter(pk="one").update(expires=1)
        assert presence_rows.renew_lease("one", seconds=60) is False
        presence_rows.end_lease("one")
        with pytest.raises(Lapsed):
            presence_rows.renew_lease("one", seconds=60)

    def test_a_process_that_was_taken_for_dead_writes_nothing(self, ann):
        presence_rows.end_lease("one")
        with pytest.raises(Lapsed):
            seat("one", arrive(ann))
        assert here() == {}


@pytest.mark.usefixtures("quick", "ended")
class TestAttendance:
    async def test_a_process_that_was_taken_for_dead_comes_back(self, ann, shelf, elsewhere, caplog):
        async with client(ann) as first:
            await enter(first, shelf)
            await until(lambda: names(first) == ["Ann Lee"])
            [row] = first.protocol.subscriptions[1].replica.keys
            [server] = await elsewhere.soon(lambda: list(Server.objects.values_list("pk", flat=True)))
            await elsewhere.soon(presence_rows.end_lease, server)
            # by another row: that there was none in between may be seen or not
            await until(lambda: names(first) == ["Ann Lee"] and first.protocol.subscriptions[1].replica.keys != [row])
        assert "its present users are written again" in caplog.text

    async def test_one_process_takes_away_the_dead_of_another(self, ann, bob, shelf, elsewhere):
        place = registry.get("talk:presence")({"shelf": shelf.pk}).place()
        await elsewhere.soon(presence_rows.take_lease, "dead", seconds=600)
        await elsewhere.soon(lambda: presence_rows.seat("dead", [arrive(bob, place=place)], [], seconds=600))
        async with client(ann) as first:
            await first.subscribe("talk:presence", shelf=shelf.pk)
            assert names(first) == ["bob"]
            await elsewhere.soon(presence_rows.take_lease, "dead", seconds=-1)
            await until(lambda: names(first) == [])

    async def test_what_fails_is_tried_again(self, ann, shelf, monkeypatch, caplog):
        calls = []
        right = presence_rows.seat

        def fails_at_first(*args, **options):
            calls.append(args)
            if len(calls) < 3:
                raise RuntimeError("away")
            right(*args, **options)

        monkeypatch.setattr(presence_rows, "seat", fails_at_first)
        async with client(ann) as first:
            await enter(first, shelf)
            await until(lambda: names(first) == ["Ann Lee"])
        assert caplog.text.count("Presence could not be written") == 2

    async def test_thread_that_cannot_be_started_is_tried_again(self, ann, shelf, monkeypatch, caplog):
        errors = [RuntimeError("can't start new thread"), RuntimeError("can't start new thread")]

        def start(name: str) -> ReaderThread:
            if errors:
                raise errors.pop()
            return ReaderThread(name)

        monkeypatch.setattr(presence_tracker, "ReaderThread", start)
        async with client(ann) as first:
            await enter(first, shelf)
            await until(lambda: names(first) == ["Ann Lee"])
        assert caplog.text.count("Presence could not be written") == 2

    async def test_a_heartbeat_writes_the_lease_and_no_more(self, ann, shelf, elsewhere):
        async with client(ann) as first:
            await enter(first, shelf)
            await until(lambda: names(first))
            before = await elsewhere.soon(lambda: (Change.objects.count(), Server.objects.get().expires))
            await asyncio.to_thread(
                wait_until,
                lambda: elsewhere(lambda: Server.objects.get().expires) != before[1],
                what="the lease to be renewed",
            )
            after = await elsewhere.soon(Change.objects.count)
        assert after == before[0]

    async def test_many_come_in_few_transactions(self, committed, elsewhere, monkeypatch):
        users = await elsewhere.soon(User.objects.bulk_create, [User(username=f"u{number}") for number in range(100)])
        batches = []
        right = presence_rows.seat
        monkeypatch.setattr(
            presence_rows, "seat", lambda *args, **options: (batches.append(len(args[1])), right(*args, **options))
        )
        attendance = PresenceTracker()
        for user in users:
            attendance.enter(user, str(user.pk), PLACE, {})
        await until(lambda: sum(batches) == 100 and not attendance._dirty)
        for user in users:
            attendance.leave(user, str(user.pk), PLACE, at_once=True)
        await idle(attendance)
        assert batches == [100, 0]


class TestDeclaration:
    def test_a_stream_of_presence_goes_by_the_name_of_its_stream(self):
        people = registry.get("talk:presence")
        assert (people.of, people.name, people.authorize_depends_on) == (
            registry.get("talk"),
            "talk:presence",
            ["tests.Note"],
        )
        assert list(problems(people)) == []

    def test_people_can_be_shown_in_another_way(self):
        class People(PresenceStream):
            fields = ["user.email"]

        class Rooms(ModelStream):
            model = Book
            fields = ["id"]
            presence = People

        with registered(lounges=Rooms):
            assert registry.get("lounges:presence").fields == ["user.email"]
        assert "lounges:presence" not in registry.names()

    def test_anything_else_is_a_problem(self):
        class Rooms(ModelStream):
            model = Book
            fields = ["id"]
            presence = "yes"

        [problem] = problems(Rooms)
        assert str(problem) == (
            "Rooms.presence is 'yes'. Set it to True, or to a class derived from realtime.PresenceStream."
        )

    @pytest.mark.django_db
    def test_the_admin_shows_it_and_changes_nothing(self, admin_client):
        ann = User.objects.create_user("ann")
        presence_rows.take_lease("one", seconds=60)
        seat("one", arrive(ann))
        page = admin_client.get("/admin/realtime/presence/")
        assert (page.status_code, ">ann<" in page.content.decode()) == (200, True)
        assert Presence in admin_site._registry
        assert admin_client.get("/admin/realtime/presence/add/").status_code == 403


@pytest.mark.usefixtures("quick")
class TestMuch:
    """One user who says much, over many connections, at many places."""

    async def test_what_one_user_says_is_counted_over_all_connections(self, shelf, ann, bob, settings, ended):
        limit(settings, presence_per_second=0.01)
        async with client(ann) as one, client(ann) as same, client(bob) as other:
            await enter(one, shelf, {"x": 1})
            for each in (same, other):
                await enter(each, shelf, {"x": 2})
            await until(lambda: same.protocol.rejected_events)
            assert (same.protocol.rejected_events[0]["code"], same.protocol.rejected_events[0]["name"]) == (4002, "")
            assert other.protocol.rejected_events == []

    async def test_rows_of_one_user_are_written_so_fast_and_then_with_what_is_true(self, ann, bob, settings, ended):
        limit(settings, presence_per_second=1.0)
        written: list[tuple[str, dict]] = []
        attendance, page = PresenceTracker(), object()

        async def in_thread(function, *args, **options):
            if function is presence_rows.seat:
                written.extend((who.user, data) for who, _, data in args[1])

        for number in range(30):
            for place in range(25):
                attendance._present.setdefault(Who(f"{place}", "ann"), PresentUser(PLACE)).data = {"n": number}
                attendance._dirty.add(Who(f"{place}", "ann"))
            await attendance._write(in_thread, 20.0)
        attendance.enter(page, "bob", OTHER, {"n": 0})
        wait = await attendance._write(in_thread, 20.0)
        attendance._task.cancel()

        assert written.count(("bob", {"n": 0})) == 1
        assert 0 < wait <= 1
        assert len(written) < 20
        assert {who.user for who in attendance._dirty} == {"ann"}

    async def test_whoever_arrives_while_rows_are_written_waits_for_the_next_write(self, committed, ended):
        """However long a write takes, there is one in a second."""
        written: list[list[str]] = []
        attendance = PresenceTracker()

        async def in_thread(function, *args, **options):
            if function is presence_rows.seat:
                written.append([who.user for who, _, _ in args[1]])
                if len(written) < 3:
                    attendance.enter(object(), f"late {len(written)}", PLACE, {})

        attendance.enter(object(), "ann", PLACE, {})
        await attendance._write(in_thread, 20.0)
        attendance._task.cancel()
        assert (written, [who.user for who in attendance._dirty]) == ([["ann"]], ["late 1"])

    async def test_user_is_at_so_many_places_and_no_more(self, ann, bob, settings, elsewhere, ended):
        limit(settings, presences_per_user=2)
        shelves = await elsewhere.soon(lambda: [Shelf.objects.create(name=name) for name in "abc"])
        async with client(ann) as one, client(ann) as same, client(bob) as other:
            for id, place in enumerate(shelves[:2], 1):
                await enter(one, place, id=id)
            await enter(same, shelves[0])
            await enter(same, shelves[2], id=2)
            await until(lambda: same.protocol.rejected_events)
            told = same.protocol.rejected_events[0]
            assert (told["id"], told["code"], told["reason"]) == (
                2,
                4002,
                "A user may be present at 2 streams at once.",
            )
            await enter(other, shelves[2])
            assert (one.protocol.rejected_events, other.protocol.rejected_events) == ([], [])
