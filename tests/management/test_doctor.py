"""The doctor: what it says of a site that works, of one that does not, and that it leaves nothing behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.checks import Warning
from django.core.management import CommandError, call_command

from realtime.changelog.postgresql import PostgreSQLChangeLog
from realtime.hub.pubsub import channel_layer
from realtime.hub.pubsub.notifications import source
from realtime.management.commands import realtime_doctor
from realtime.management.doctor import layers, own_server, probe_stream, transports
from realtime.management.doctor.findings import Broken, Finding, Outcome
from realtime.models import Probe
from tests.settings import BACKEND
from tests.support.processes import free_port
from tests.support.waiting import FACTOR


def states(findings) -> dict[str, Outcome]:
    return {finding.what: finding.state for finding in findings}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    for module in (layers, transports):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 10.0 * FACTOR)


@pytest.mark.databases
class TestBackstage:
    def test_log_that_works(self, committed):
        [first, *rest] = layers.logs()
        assert (first.what, first.text.rpartition(" in ")[0]) == ("log default", "a change was written and read")
        assert first.state in (Outcome.OK, Outcome.SLOW)
        assert rest == []

    def test_log_of_a_clock_that_is_wrong(self, committed, monkeypatch):
        monkeypatch.setattr(layers, "_database_time", lambda alias: 0.0)
        [_, clock] = layers.logs()
        assert (clock.state, "clock is off by" in clock.text) == (Outcome.SLOW, True)

    def test_log_that_cannot_be_written(self, committed, monkeypatch):
        def fail(alias):
            raise OSError("disk full")

        monkeypatch.setattr(layers, "write_change", fail)
        [found] = layers.logs()
        assert (found.state, found.text) == (
            Outcome.BROKEN,
            (
                "OSError: disk full. Check that the database is running and grants its role these tables, and run "
                "`manage.py migrate`."
            ),
        )

    async def test_wake_ups(self, committed):
        found = states(await layers.wakeups())
        heard = found.pop("wake-up default")
        assert heard in ((Outcome.OK, Outcome.SLOW) if source("default") else (Outcome.OFF,))
        if BACKEND == "postgresql":
            assert found.pop("events") in (Outcome.OK, Outcome.SLOW)
        assert found == ({} if BACKEND == "postgresql" else {"channel layer": Outcome.OFF})

    async def test_layer_that_works(self, committed, settings, redis_url):
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [redis_url], "prefix": f"doctor-{free_port()}"},
            }
        }
        found = states(await layers.wakeups())
        assert set(found) == ({"wake-up default", "channel layer"} if BACKEND == "postgresql" else {"wake-up default"})
        assert set(found.values()) <= {Outcome.OK, Outcome.SLOW}

    async def test_layer_that_is_not_there(self, committed, settings, monkeypatch):
        monkeypatch.setattr(layers, "ANSWER_SECONDS", 0.5)
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [f"redis://127.0.0.1:{free_port()}"]},
            }
        }
        assert Outcome.BROKEN in states(await layers.wakeups()).values()


class TestRoads:
    def test_server_that_is_not_there(self, committed):
        found = list(transports.try_transports(f"http://127.0.0.1:{free_port()}", {}))
        assert set(states(found).values()) == {Outcome.BROKEN}
        assert len(found) == 3
        assert Probe.objects.count() == 0

    def test_server_of_another_project(self, committed, live_server):
        found = list(transports.try_transports(live_server.url, {}))
        assert states(found) == dict.fromkeys(["WebSocket", "Server-Sent Events", "long-poll"], Outcome.BROKEN)
        assert "the server answered 501" in found[1].text

    def test_http_that_is_not_included_is_off(self, committed, settings):
        settings.ROOT_URLCONF = "django.contrib.auth.urls"
        found = states(transports.try_transports(f"http://127.0.0.1:{free_port()}", {}))
        assert (found["Server-Sent Events"], found["long-poll"]) == (Outcome.OFF, Outcome.OFF)

    def test_application_that_cannot_be_imported(self, settings):
        settings.ASGI_APPLICATION = "no.such.application"
        with pytest.raises(Broken, match="No module named 'no'"), own_server.own_server():
            pass

    def test_own_requests_are_those_of_a_proxy(self, settings):
        settings.ALLOWED_HOSTS = [".example.org", "*"]
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert own_server.own_headers() == {"Host": "example.org", "X-Forwarded-Proto": "https"}


@pytest.mark.django_db
class TestProbe:
    def test_key_of_another_hand_opens_nothing(self):
        key = probe_stream.begin()
        stream = probe_stream.ProbeStream({"key": key})
        assert stream.authorize(None, key)
        assert not stream.authorize(None, f"{key}x")

    def test_rows_that_were_left_behind_go(self):
        Probe.objects.create(key="old", text="begun", at=1)
        key = probe_stream.begin()
        assert list(Probe.objects.values_list("key", flat=True)) == [key]
        probe_stream.end(key)
        assert Probe.objects.count() == 0


@pytest.mark.parametrize("url", ["example.org", "https://", "https://[example.org", "https://example.org:99999"])
def test_url_is_an_address(url):
    with pytest.raises(CommandError, match="--url must be a URL such as"):
        call_command("realtime_doctor", url=url)


class TestNothingIsGoodUnseen:
    """Each line looks before it says that something works: here it does not."""

    @pytest.fixture(autouse=True)
    def brief(self, monkeypatch):
        monkeypatch.setattr(layers, "ANSWER_SECONDS", 1.0 * FACTOR)
        monkeypatch.setattr(layers, "AGAIN_SECONDS", 0.2 * FACTOR)

    @pytest.mark.databases
    async def test_notifications_that_nobody_sends(self, committed, monkeypatch):
        if BACKEND != "postgresql":
            pytest.skip("about NOTIFY")
        monkeypatch.setattr(PostgreSQLChangeLog, "_wake_hubs", lambda log: None)
        assert states(await layers.wakeups())["wake-up default"] is Outcome.BROKEN

    @pytest.mark.databases
    async def test_notifications_of_others_are_no_proof(self, committed, elsewhere, monkeypatch):
        if BACKEND != "postgresql":
            pytest.skip("about NOTIFY")

        def notify_as_somebody_else(log):
            with log.connection.cursor() as cursor:
                cursor.execute("NOTIFY realtime, 'somebody else'")

        monkeypatch.setattr(PostgreSQLChangeLog, "_wake_hubs", notify_as_somebody_else)
        assert states(await layers.wakeups())["wake-up default"] is Outcome.BROKEN

    async def test_hints_that_nobody_sends(self, committed, settings, redis_url, monkeypatch):
        if BACKEND == "postgresql":
            pytest.skip("PostgreSQL has its own wake-ups")
        settings.CHANNEL_LAYERS = redis_layer(redis_url)
        monkeypatch.setattr(channel_layer, "send", lambda alias: None)
        assert states(await layers.wakeups())["wake-up default"] is Outcome.BROKEN

    async def test_hints_of_others_are_no_proof(self, committed, settings, redis_url, monkeypatch):
        if BACKEND == "postgresql":
            pytest.skip("PostgreSQL has its own wake-ups")
        settings.CHANNEL_LAYERS = redis_layer(redis_url)
        monkeypatch.setattr(channel_layer, "origin", lambda: "somebody else")
        assert states(await layers.wakeups())["wake-up default"] is Outcome.BROKEN

    async def test_layer_that_cannot_be_made(self, committed, settings):
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": "no.such.Layer"}}
        assert states(await layers.wakeups())["channel layer"] is Outcome.BROKEN

    def test_log_that_another_connection_does_not_see(self, committed, monkeypatch):
        monkeypatch.setattr(layers, "write_change", lambda alias: None)
        [found] = layers.logs()
        assert (found.state, "could not be read back" in found.text) == (Outcome.BROKEN, True)

    def test_table_that_is_missing(self, committed, monkeypatch):
        monkeypatch.setattr(Probe._meta, "db_table", "realtime_elsewhere")
        [found] = layers.tables()
        assert (found.state, "missing: realtime_elsewhere" in found.text) == (Outcome.BROKEN, True)

    @pytest.mark.django_db
    def test_column_that_is_missing(self, monkeypatch):
        monkeypatch.setattr(Probe._meta.get_field("text"), "column", "other")
        monkeypatch.setattr(layers, "MigrationLoader", Migrated)
        [found] = layers.tables()
        assert (found.state, "other" in found.text) == (Outcome.BROKEN, True)

    def test_checks_that_fail(self, settings):
        settings.ROOT_URLCONF = "no.such.module"
        assert [found.state for found in layers.checks()][-1] is Outcome.BROKEN

    def test_checks_that_are_silenced(self, settings, monkeypatch):
        settings.SILENCED_SYSTEM_CHECKS = ["realtime.W005"]
        monkeypatch.setattr(layers, "run_checks", lambda databases: [Warning("events", id="realtime.W005")])
        assert list(layers.checks()) == [Finding("checks", Outcome.OFF, "silenced: realtime.W005")]

    def test_change_that_nobody_writes(self, committed, live_server, monkeypatch):
        monkeypatch.setattr(transports, "ANSWER_SECONDS", 1.0)
        monkeypatch.setattr(probe_stream, "change", lambda key, text: None)
        found = states(transports.try_transports(live_server.url, {}))
        assert set(found.values()) == {Outcome.BROKEN}


class TestEnd:
    @pytest.fixture(autouse=True)
    def found(self, monkeypatch):
        found = []
        monkeypatch.setattr(realtime_doctor.Command, "_findings", lambda command, url: iter(found))
        return found

    def test_no_transport_was_tried(self, found):
        found += [Finding("log default", Outcome.OK, ""), Finding("WebSocket", Outcome.OFF, "")]
        with pytest.raises(CommandError, match="No transport was tested, so it is unknown whether changes arrive"):
            call_command("realtime_doctor")

    def test_some_transports_were_tried(self, found, capsys):
        found += [Finding("WebSocket", Outcome.OFF, ""), Finding("long-poll", Outcome.SLOW, "")]
        call_command("realtime_doctor")
        assert capsys.readouterr().out.endswith("Changes arrive by long-poll; the rest was not tested.\n")

    def test_all_transports_were_tried(self, found, capsys):
        found += [Finding(what, Outcome.OK, "") for what in transports.TRANSPORTS]
        call_command("realtime_doctor")
        assert capsys.readouterr().out.endswith("Changes arrive.\n")

    def test_something_is_broken(self, found):
        found += [Finding("WebSocket", Outcome.OK, ""), Finding("long-poll", Outcome.BROKEN, "")]
        with pytest.raises(CommandError, match="1 broken"):
            call_command("realtime_doctor")


class Migrated:
    """A database that has all migrations, by what it says itself."""

    def __init__(self, connection) -> None:
        self.graph = SimpleNamespace(nodes=[])


def redis_layer(url: str) -> dict:
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    return {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url], "prefix": f"doctor-{free_port()}"}}}
