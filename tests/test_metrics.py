"""Metrics: what Prometheus is told, of this process and of all, under the names that the documentation lists."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from realtime import metrics
from realtime.hub import status
from realtime.hub.counters import get_counters
from realtime.hub.hub import get_hub
from realtime.metrics import COUNTERS, GAUGES, LABELLED_GAUGES, RealtimeCollector
from realtime.models import Process
from tests.docs.test_examples import example
from tests.hub.test_status import report
from tests.models import Shelf
from tests.support.wire import WireClient

DOCS = (Path(__file__).parents[1] / "docs/operations/monitoring.md").read_text()


def test_each_metric_stands_in_the_documentation():
    documented = set(re.findall(r"^\| `(realtime_\w+)` \|", DOCS, re.MULTILINE))
    counters = {f"realtime_{name}_total" for name in COUNTERS}
    assert documented == counters | {f"realtime_{name}" for name in (*GAUGES, *LABELLED_GAUGES)}


def test_each_logger_stands_in_the_documentation():
    source = Path(metrics.__file__).parent
    used = {name for file in source.rglob("*.py") for name in re.findall(r'getLogger\("(.+?)"\)', file.read_text())}
    assert used == set(re.findall(r"^\| `(realtime\.\w+)` \|", DOCS, re.MULTILINE))


def test_each_field_of_a_record_stands_in_the_documentation():
    source = Path(metrics.__file__).parent
    texts = [file.read_text() for file in source.rglob("*.py")]
    calls = [found for text in texts for found in re.findall(r"(?:extra|fields) ?= ?\{(.*?)\}", text)]
    used = {name for call in calls for name in re.findall(r'"(\w+)":', call)}
    assert used == set(re.findall(r"`(\w+)`", DOCS.partition("(`extra`):")[2].partition("\n\n")[0]))
    assert not used & set(vars(logging.makeLogRecord({})))


@pytest.mark.databases
async def test_process_tells_of_itself(elsewhere):
    shelf = await elsewhere.soon(Shelf.objects.create, name="one")
    registry = CollectorRegistry()
    registry.register(RealtimeCollector())
    status.watch(get_hub())
    refused = registry.get_sample_value("realtime_refusals_total", {"code": "unknown_stream"}) or 0
    async with WireClient() as one, WireClient() as two:
        await one.subscribe("top", shelf=shelf.pk)
        await two.subscribe("top", shelf=shelf.pk)
        await two.subscribe("nowhere", id=2)
        assert registry.get_sample_value("realtime_refusals_total", {"code": "unknown_stream"}) == refused + 1
        assert registry.get_sample_value("realtime_live_queries", {"stream": "top"}) == 1
        assert registry.get_sample_value("realtime_subscribers", {"stream": "top"}) == 2
        assert registry.get_sample_value("realtime_log_lag_seconds", {"log": "default"}) >= 0
        assert registry.get_sample_value("realtime_ticks_total", {"log": "default"}) >= 1
        assert registry.get_sample_value("realtime_frames_total") == get_counters().counts()["frames"][""]


def test_hubs_of_several_event_loops_are_added_up(monkeypatch):
    def hub(**figures):
        numbers = dict.fromkeys(["clients", "users", "subscriptions", "slow", "draining"], 0)
        return {**numbers, "streams": {}, "logs": {}, **figures}

    top = {"queries": 1, "subscribers": 2, "slow": 0}
    first = hub(clients=2, streams={"top": top}, logs={"default": {"lag": 0.5}})
    second = hub(clients=1, draining=1, streams={"top": top, "books": top}, logs={"default": {"lag": 0.25}})
    monkeypatch.setattr(status, "gauges", lambda: [first, hub(), second])
    registry = CollectorRegistry()
    registry.register(RealtimeCollector())
    assert registry.get_sample_value("realtime_clients") == 3
    assert registry.get_sample_value("realtime_draining") == 1
    assert registry.get_sample_value("realtime_live_queries", {"stream": "top"}) == 2
    assert registry.get_sample_value("realtime_subscribers", {"stream": "books"}) == 2
    assert registry.get_sample_value("realtime_log_lag_seconds", {"log": "default"}) == 0.5


@pytest.mark.django_db
def test_any_process_tells_of_all_to_those_who_know_the_password(rf, settings):
    settings.METRICS_PASSWORD = "open"
    report("a", clients=2, streams={"top": {"queries": 1, "subscribers": 2}}, counts={"closes": {"timeout": 1}})
    report("b", clients=1, counts={})
    report("c", clients=9, silent=True)
    view = example("operations/monitoring.md")["metrics"]
    with pytest.raises(PermissionDenied):
        view(rf.get("/metrics"))
    text = view(rf.get("/metrics", headers={"Authorization": "Bearer open"})).content.decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["realtime_clients", ("process", "web:10:a")] == 2
    assert samples["realtime_clients", ("process", "web:11:b")] == 1
    assert samples["realtime_closes_total", ("code", "timeout"), ("process", "web:10:a")] == 1
    assert samples["realtime_subscribers", ("process", "web:10:a"), ("stream", "top")] == 2
    assert not any(("process", "web:12:c") in sample for sample in samples)


@pytest.mark.django_db
def test_containers_with_one_host_name_and_number_have_series_of_their_own():
    for id, clients in {"a": 2, "b": 1}.items():
        report(id, clients=clients, counts={})
    Process.objects.update(host="web", pid=1)
    registry = CollectorRegistry()
    registry.register(RealtimeCollector(everywhere=True))
    assert registry.get_sample_value("realtime_clients", {"process": "web:1:a"}) == 2
    assert registry.get_sample_value("realtime_clients", {"process": "web:1:b"}) == 1
