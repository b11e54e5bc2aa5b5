"""Status: what server processes report of themselves, who is shown it, and how connections are ended."""

from __future__ import annotations

import asyncio
import json
import threading
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db.models import F

from realtime.auth.identity import Identity
from realtime.capture import access
from realtime.hub import reports, status
from realtime.hub.counters import Counters, get_counters
from realtime.hub.hub import get_hub
from realtime.hub.shutdown import drain
from realtime.management.doctor import probe_stream
from realtime.models import PROBE_STREAM, Change, Process
from tests.models import Book, Shelf
from tests.support.limits import limit
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

PAGE = "/admin/realtime/process/"


def figures(**changed):
    empty = {"draining": False, "clients": 0, "users": 0, "subscriptions": 0, "slow": 0}
    return {**empty, "connections": [], "streams": {}, "queries": [], "logs": {}, "counts": {}, **changed}


def report(id: str, *, silent: bool = False, **changed) -> None:
    reports.report(id, host="web", pid=int(id, 16), uptime=60.0, figures=figures(**changed))
    if silent:
        row = Process.objects.get(pk=id)
        Process.objects.filter(pk=id).update(heard=row.heard - 60_000)


@pytest.fixture
def people(elsewhere) -> list[Identity]:
    """Two who are there."""
    return [Identity(str(elsewhere(User.objects.create_user, name).pk)) for name in ("ann", "bob")]


QUERY = {
    "stream": "top",
    "params": '{"shelf":1}',
    "format": "data",
    "personal": False,
    "rows": 3,
    "subscribers": 2,
    "seconds": 0.5,
    "slow": False,
    "broken": 0,
    "reads": "keys",
}


class TestFigures:
    def test_counters_grow_by_label(self):
        figures = Counters()
        for label in ("a", "b", "a"):
            figures.count("calls", label)
        figures.count("frames", amount=7)
        assert figures.counts() == {"calls": {"a": 2, "b": 1}, "frames": {"": 7}}


def own_reports() -> list[reports.Report]:
    """What this process has said; servers that other tests have killed may have left rows."""
    return [report for report in reports.reports() if report.id == get_counters().process]


@pytest.mark.databases
class TestReporting:
    @pytest.fixture
    def shelf(self, elsewhere) -> Shelf:
        shelf = elsewhere(Shelf.objects.create, name="one")
        elsewhere(Book.objects.create, shelf=shelf, title="a")
        return shelf

    async def test_process_tells_what_it_has_until_the_last_client_leaves(self, shelf, people, elsewhere):
        hub = get_hub()
        status.watch(hub)
        async with WireClient(people[0]) as one, WireClient() as two:
            for client in (one, two):
                await client.subscribe("top", shelf=shelf.pk)
            hub.observer.sweep(1e9)
            await until(lambda: hub.observer._writing.done())
            [found] = await elsewhere.soon(own_reports)
            assert (found.id, found.pid, found.silent) == (get_counters().process, get_counters().pid, False)
            shown = found.figures
            assert [shown[name] for name in ("clients", "users", "subscriptions", "slow")] == [2, 1, 2, 0]
            [query] = shown["queries"]
            assert query.pop("seconds") > 0
            params = json.dumps({"shelf": shelf.pk}, separators=(",", ":"))
            assert query == {**{name: QUERY[name] for name in query}, "params": params, "rows": 1, "subscribers": 2}
            assert shown["streams"] == {"top": {"queries": 1, "subscribers": 2, "slow": 0}}
            assert [connection["subscriptions"] for connection in shown["connections"]] == [1, 1]
            assert shown["logs"]["default"]["lag"] >= 0
            assert shown["counts"]["ticks"]["default"] >= 1
        assert await elsewhere.soon(own_reports) == []

    async def test_live_queries_of_the_doctor_are_left_out(self, shelf, elsewhere):
        key = await elsewhere.soon(probe_stream.begin)
        async with WireClient() as client:
            await client.subscribe("top", shelf=shelf.pk)
            await client.subscribe(PROBE_STREAM, id=2, key=key)
            found = status.figures_of(get_hub())
        await elsewhere.soon(probe_stream.end, key)
        assert [query["stream"] for query in found["queries"]] == ["top"]
        assert list(found["streams"]) == ["top"]
        assert (found["clients"], found["subscriptions"]) == (1, 2)

    async def test_process_that_stops_deletes_its_report(self, people, elsewhere, monkeypatch):
        hub = get_hub()
        status.watch(hub)
        monkeypatch.setattr(hub, "linger_seconds", 3600.0)
        monkeypatch.setattr(hub, "draining", False)
        async with WireClient(people[0]):
            hub.observer.sweep(1e9)
            await until(lambda: hub.observer._writing.done())
            assert len(await elsewhere.soon(own_reports)) == 1
        await drain(hub)
        async with asyncio.timeout(seconds(10)):
            while await elsewhere.soon(own_reports):  # noqa: ASYNC110 - another thread deletes it
                await asyncio.sleep(0.01)
        hub.observer.sweep(2e9)
        assert hub.observer._writing is None
        await hub.close()

    async def test_figures_do_not_keep_the_loop_waiting(self, monkeypatch):
        threads: list[threading.Thread] = []
        figures_of = status.figures_of
        monkeypatch.setattr(
            status,
            "figures_of",
            lambda hub, **options: threads.append(threading.current_thread()) or figures_of(hub, **options),
        )
        hub = get_hub()
        status.watch(hub)
        async with WireClient():
            hub.observer.sweep(1e9)
            await until(lambda: hub.observer._writing.done())
        assert threads
        assert threading.main_thread() not in threads

    async def test_figures_of_thousands_let_other_threads_run_in_between(self, monkeypatch):
        pauses: list[float] = []
        monkeypatch.setattr(status, "PACE", 1)
        monkeypatch.setattr(status.time, "sleep", pauses.append)
        async with WireClient():
            figures = status.figures_of(get_hub())
            assert pauses == []
            assert {**status.figures_of(get_hub(), pause=0.5), "logs": {}} == {**figures, "logs": {}}
        assert set(pauses) == {0.5}

    async def test_status_that_cannot_be_written_is_said_once(self, elsewhere, monkeypatch, caplog):
        def fail(*args, **options):
            raise OSError("away")

        hub = get_hub()
        status.watch(hub)
        monkeypatch.setattr(reports, "report", fail)
        async with WireClient():
            for now in (1e9, 2e9):
                hub.observer.sweep(now)
                await until(lambda: hub.observer._writing.done())
        assert [record.message for record in caplog.records if "status" in record.message] == [
            "The status of this process could not be written: OSError('away')."
        ]

    async def test_client_that_is_slow_is_named_until_it_acknowledges(self, shelf, elsewhere, settings):
        limit(settings, window_frames=1)
        hub = get_hub()
        before = get_counters().counts().get("behind", {}).get("", 0)
        async with WireClient() as client:
            client.protocol.holding_acks = True
            await client.subscribe("top", shelf=shelf.pk)
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="b")
            await until(lambda: client.protocol.behind)
            found = status.figures_of(hub)
            name = client.connection.id
            assert (found["slow"], found["connections"][0]["id"]) == (1, name)
            assert get_counters().counts()["behind"][""] == before + 1
            client.say(client.protocol.ack())
            await until(lambda: not client.protocol.behind)
            assert status.figures_of(hub)["slow"] == 0

    async def test_rows_that_are_sent_anew_are_counted_as_a_reset(self, shelf):
        before = get_counters().counts().get("resets", {}).get("", 0)
        async with WireClient() as client:
            await client.subscribe("top", shelf=shelf.pk)
            assert get_counters().counts().get("resets", {}).get("", 0) == before
        async with WireClient() as client:
            stale = {"stream": "top", "params": {"shelf": shelf.pk}, "format": "data"}
            client.say(client.protocol.subscribe(1, cursor="another.1", **stale))
            await until(lambda: client.protocol.subscriptions[1].live)
        assert get_counters().counts()["resets"][""] > before  # more than one where it could not be sent at once

    async def test_refusals_calls_and_ends_are_counted(self, shelf):
        before = get_counters().counts()
        async with WireClient() as client:
            await client.subscribe("nowhere", shelf=shelf.pk)
            client.say([client.protocol.text(type="call", id="c1", stream="nowhere", params={}, action="a", args={})])
            await until(lambda: client.protocol.replies)
            client.connection.receive("no message")
        after = get_counters().counts()
        for name, label in [
            ("refusals", "unknown_stream"),
            ("calls", "unknown_stream"),
            ("closes", "bad_message"),
        ]:
            assert after[name][label] == before.get(name, {}).get(label, 0) + 1


@pytest.mark.databases
class TestEndingConnections:
    async def test_user_is_ended_and_others_stay(self, people, elsewhere):
        async with WireClient(people[0]) as ann, WireClient(people[1]) as bob, WireClient() as visitor:
            await visitor.subscribe("top", shelf=1)
            await elsewhere.soon(access.end_connections, people[0].user)
            await until(lambda: ann.closed)
            assert ann.closed == (4101, "An administrator closed your connections.")
            assert (bob.closed, visitor.closed) == (None, None)

    async def test_connection_is_ended_and_comes_back(self, people, elsewhere):
        async with WireClient(people[0]) as one, WireClient(people[0]) as two:
            await two.subscribe("top", shelf=1)
            await elsewhere.soon(access.end_connection, one.connection.id)
            await until(lambda: one.closed)
            assert one.closed == (4000, "An administrator closed this connection.")
            assert two.closed is None


@pytest.mark.django_db
class TestCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("realtime_status", *arguments, stdout=out, no_color=True)
        return out.getvalue()

    def test_processes_are_added_up_and_silent_ones_are_named(self):
        counts = {"frames": {"": 3}, "closes": {"timeout": 1}}
        report("a", clients=2, users=1, subscriptions=4, queries=[QUERY], counts=counts)
        report("b", clients=1, slow=1, queries=[QUERY], counts=counts)
        report("c", clients=100, silent=True)
        lines = self.run().splitlines()
        assert lines[0] == "server processes: 3, clients: 3, users: 1, subscriptions: 4, slow clients: 1"
        assert next(line.split() for line in lines if line.startswith("c "))[3:7] == ["60", "s", "ago", "(silent)"]
        assert 'top {"shelf":1}  data    3     keys   4            1.00 s' in lines
        assert [line.split() for line in lines[-2:]] == [["closes", "timeout", "2"], ["frames", "6"]]

    def test_without_processes_there_are_the_logs(self):
        lines = self.run().splitlines()
        assert lines[0] == "server processes: 0, clients: 0, users: 0, subscriptions: 0, slow clients: 0"
        assert lines[3].split()[0] == "default"

    def test_json_has_all_counters(self):
        report("a", clients=2, queries=[QUERY])
        shown = json.loads(self.run("--json"))
        assert [process["figures"]["queries"] for process in shown["processes"]] == [[QUERY]]
        assert [log["alias"] for log in shown["logs"]] == ["default"]

    def test_log_tells_how_many_changes_it_has(self):
        access.end_connection("a-1")
        access.end_connection("a-2")
        [log] = reports.logs()
        assert (log.alias, log.changes, log.oldest < 60) == ("default", 2, True)

    def test_process_that_died_long_ago_is_forgotten(self):
        report("a")
        Process.objects.update(heard=1)
        report("b")
        assert [found.id for found in reports.reports()] == ["b"]


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def log_in(self, client):
        def log_in(*permissions: str):
            user = User.objects.create_user("ann", is_staff=True)
            user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
            client.force_login(user)
            return client

        return log_in

    def test_page_shows_what_the_processes_do(self, log_in):
        connection = {"id": "a-17", "user": "<b>5</b>", "subscriptions": 4, "behind": 3.0}
        report("a", clients=2, queries=[QUERY], connections=[connection], counts={"closes": {"timeout": 1}})
        report("b", silent=True)
        page = log_in("view_process").get(PAGE)
        text = " ".join(page.content.decode().split())
        assert "web:10 <small>a</small>" in text
        assert "a minute ago <strong>silent</strong>" in text
        assert '<th scope="col">User ID</th>' in text
        assert "<dt>clients</dt><dd>2</dd>" in text
        assert "closes</th><td>timeout: 1</td>" in text
        assert '<th scope="row">a-17</th><td>&lt;b&gt;5&lt;/b&gt;</td>' in text
        assert 'name="connection"' not in text

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [(2, "2 seconds ago"), (1613, "26 minutes ago"), (4 * 3600, "4 hours ago"), (5 * 86_400, "5 days ago")],
    )
    def test_age_of_a_log_is_in_words(self, log_in, seconds, words):
        access.end_connection("a-1")
        Change.objects.update(at=F("at") - 1000 * seconds)
        text = " ".join(log_in("view_process").get(PAGE).content.decode().split())
        assert f"{words}</td></tr>" in text

    def test_page_without_processes(self, log_in):
        assert "No server process has clients." in log_in("view_process").get(PAGE).content.decode()

    def test_page_is_for_those_with_the_permission(self, log_in):
        assert log_in("end_connection").get(PAGE).status_code == 403

    def test_who_may_look_may_not_end(self, log_in):
        assert log_in("view_process").post(PAGE, {"user": "5"}).status_code == 403

    @pytest.mark.parametrize(
        ("form", "key"), [({"user": "5"}, "end:user:5"), ({"connection": "a-17"}, "end:a-17"), ({}, None)]
    )
    def test_who_may_end_does_and_it_is_logged(self, log_in, form, key):
        browser = log_in("view_process", "end_connection")
        Change.objects.all().delete()
        answer = browser.post(PAGE, form, follow=True)
        assert (answer.status_code, answer.redirect_chain) == (200, [(PAGE, 302)])
        wanted = [] if key is None else [key]
        assert list(Change.objects.filter(model="realtime.access").values_list("key", flat=True)) == wanted
        assert LogEntry.objects.count() == len(wanted)
