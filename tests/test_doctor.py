"""The doctor: what it says of a site that works, of one that does not, and that it leaves nothing behind."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from realtime import probe
from realtime.doctor import backstage, roads, server
from realtime.doctor.findings import Broken, State
from realtime.models import Probe
from realtime.wakeups import source
from tests.settings import BACKEND
from tests.support.processes import free_port
from tests.support.waiting import FACTOR


def states(findings) -> dict[str, State]:
    return {finding.what: finding.state for finding in findings}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    for module in (backstage, roads):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 10.0 * FACTOR)


@pytest.mark.databases
class TestBackstage:
    def test_log_that_works(self, committed):
        [first, *rest] = backstage.logs()
        assert (first.what, first.text.rpartition(" in ")[0]) == ("log default", "a change was written and read")
        assert first.state in (State.OK, State.SLOW)
        assert rest == []

    def test_log_of_a_clock_that_is_wrong(self, committed, monkeypatch):
        monkeypatch.setattr(backstage, "_database_time", lambda alias: 0.0)
        [_, clock] = backstage.logs()
        assert (clock.state, "clock differs by" in clock.text) == (State.SLOW, True)

    def test_log_that_cannot_be_written(self, committed, monkeypatch):
        def fail(alias):
            raise OSError("disk full")

        monkeypatch.setattr(backstage, "note", fail)
        [found] = backstage.logs()
        assert (found.state, found.text) == (
            State.BROKEN,
            "OSError: disk full. Is the database there, and has `migrate` been run?",
        )

    async def test_wake_ups(self, committed):
        found = states(await backstage.wakeups())
        heard = found.pop("wake-up default")
        assert heard in ((State.OK, State.SLOW) if source("default") else (State.OFF,))
        assert found == {"channel layer": State.OFF}

    async def test_layer_that_works(self, committed, settings, redis_url):
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [redis_url], "prefix": f"doctor-{free_port()}"},
            }
        }
        found = states(await backstage.wakeups())
        assert set(found) == ({"wake-up default", "channel layer"} if BACKEND == "postgresql" else {"wake-up default"})
        assert set(found.values()) <= {State.OK, State.SLOW}

    async def test_layer_that_is_not_there(self, committed, settings, monkeypatch):
        monkeypatch.setattr(backstage, "ANSWER_SECONDS", 0.5)
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [f"redis://127.0.0.1:{free_port()}"]},
            }
        }
        assert State.BROKEN in states(await backstage.wakeups()).values()


class TestRoads:
    def test_server_that_is_not_there(self, committed):
        found = list(roads.roads(f"http://127.0.0.1:{free_port()}", {}))
        assert set(states(found).values()) == {State.BROKEN}
        assert len(found) == 3
        assert Probe.objects.count() == 0

    def test_server_of_another_project(self, committed, live_server):
        found = list(roads.roads(live_server.url, {}))
        assert states(found) == dict.fromkeys(["WebSocket", "Server-Sent Events", "long-poll"], State.BROKEN)
        assert "the server answered 501" in found[1].text

    def test_http_that_is_not_included_is_off(self, committed, settings):
        settings.ROOT_URLCONF = "django.contrib.auth.urls"
        found = states(roads.roads(f"http://127.0.0.1:{free_port()}", {}))
        assert (found["Server-Sent Events"], found["long-poll"]) == (State.OFF, State.OFF)

    def test_application_that_cannot_be_imported(self, settings):
        settings.ASGI_APPLICATION = "no.such.application"
        with pytest.raises(Broken, match="No module named 'no'"), server.own_server():
            pass

    def test_own_requests_are_those_of_a_proxy(self, settings):
        settings.ALLOWED_HOSTS = [".example.org", "*"]
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert server.own_headers() == {"Host": "example.org", "X-Forwarded-Proto": "https"}


@pytest.mark.django_db
class TestProbe:
    def test_key_of_another_hand_opens_nothing(self):
        key = probe.begin()
        stream = probe.ProbeStream({"key": key})
        assert stream.authorize(None, key)
        assert not stream.authorize(None, f"{key}x")

    def test_rows_that_were_left_behind_go(self):
        Probe.objects.create(key="old", text="begun", at=1)
        key = probe.begin()
        assert list(Probe.objects.values_list("key", flat=True)) == [key]
        probe.end(key)
        assert Probe.objects.count() == 0


def test_url_is_an_address():
    with pytest.raises(CommandError, match="--url is an address such as"):
        call_command("realtime_doctor", url="example.org")
