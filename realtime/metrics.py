"""Metrics for Prometheus: the figures of a server process, or of all. Needs the extra `prometheus`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from realtime.hub import reports, status
from realtime.hub.counters import get_counters

PREFIX = "realtime_"

#: Counters, with the name of their label ("" where they have none) and what they count.
COUNTERS: dict[str, tuple[str, str]] = {
    "connections": ("transport", "Accepted connections. Over HTTP, each request is one."),
    "closes": ("code", "Connections that the server closed, by code."),
    "refusals": ("code", "Subscriptions that were refused or ended."),
    "calls": ("outcome", "Answered calls: ok, or the code of the refusal."),
    "events": ("", "Events that clients sent."),
    "events_dropped": ("reason", "Events that were dropped because they were too old, or once for each slow client."),
    "frames": ("", "Frames sent to clients."),
    "frame_bytes": ("", "Bytes of these frames."),
    "resets": ("", "Resets, for clients that were away too long or because too much had changed."),
    "behind": ("", "Times that a client fell behind because it did not acknowledge."),
    "ticks": ("log", "Rounds in which a log was read."),
    "tick_seconds": ("log", "Seconds that these rounds took, until the frames were sent."),
    "slow_queries": ("stream", "Times that a live query was so slow that it was read separately from the others."),
    "query_timeouts": ("stream", "Times that a live query exceeded REALTIME_QUERY_SECONDS and was ended."),
    "log_failures": ("log", "Rounds that failed because the log could not be read."),
}

#: Gauges without a label, with the figure that they show.
GAUGES: dict[str, tuple[str, str]] = {
    "clients": ("clients", "Connected clients."),
    "users": ("users", "Distinct users of these clients."),
    "subscriptions": ("subscriptions", "Subscriptions of clients."),
    "slow_clients": ("slow", "Clients that are behind."),
    "draining": ("draining", "1 while the process is stopping and asks its clients to reconnect."),
}

#: Gauges by stream or by log.
LABELLED_GAUGES: dict[str, tuple[str, str]] = {
    "live_queries": ("stream", "Live queries in memory."),
    "subscribers": ("stream", "Subscribers of these live queries."),
    "queries_apart": ("stream", "Slow live queries that are read separately from the others."),
    "log_lag_seconds": (
        "log",
        "Seconds from a wake-up to the frames of the last round, or since the first failure to read the log.",
    ),
}


class Figures(NamedTuple):
    """The figures of a process; `process` is "" for this one."""

    process: str
    gauges: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, float]]


class RealtimeCollector(Collector):
    """A collector for `prometheus_client`: the figures of this process or, with `everywhere`, of all processes.

    `everywhere` reads the latest report of each process from the database, and gives each metric the label `process`.

        REGISTRY.register(RealtimeCollector())
    """

    def __init__(self, *, everywhere: bool = False) -> None:
        self._everywhere = everywhere

    def describe(self) -> Iterable[Metric]:
        """The names, which the registry asks for when the collector is registered."""
        return self._families([])

    def collect(self) -> Iterator[Metric]:
        """The metrics, when Prometheus asks for them."""
        return self._families(list(self._figures()))

    def _figures(self) -> Iterator[Figures]:
        if not self._everywhere:
            yield Figures("", _together(status.gauges()), get_counters().counts())
            return
        for report in reports.reports():
            if not report.silent:
                # containers may have equal host names and process numbers
                yield Figures(f"{report.host}:{report.pid}:{report.id[:8]}", report.figures, report.figures["counts"])

    def _families(self, figures: list[Figures]) -> Iterator[Metric]:
        mine = ["process"] if self._everywhere else []

        def whose(item: Figures) -> list[str]:
            return [item.process] if self._everywhere else []

        for name, (label, documentation) in COUNTERS.items():
            counter = CounterMetricFamily(PREFIX + name, documentation, labels=[*mine, *([label] if label else [])])
            for item in figures:
                values = item.counts.get(name, {} if label else {"": 0.0})
                for value, number in values.items():
                    counter.add_metric([*whose(item), *([value] if label else [])], number)
            yield counter
        for name, (figure, documentation) in GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, documentation, labels=mine)
            for item in figures:
                gauge.add_metric(whose(item), float(item.gauges.get(figure, 0)))
            yield gauge
        for name, (label, documentation) in LABELLED_GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, documentation, labels=[*mine, label])
            for item in figures:
                for value, number in _labelled(name, item.gauges):
                    gauge.add_metric([*whose(item), value], number)
            yield gauge


def _together(hubs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The gauges of all hubs of a process, which has several where it has several event loops."""
    if not hubs:
        return {}
    together: dict[str, Any] = {figure: sum(hub[figure] for hub in hubs) for figure, _ in GAUGES.values()}
    together["draining"] = max(hub["draining"] for hub in hubs)
    streams = together["streams"] = dict[str, Counter[str]]()
    logs = together["logs"] = dict[str, dict[str, float]]()
    for hub in hubs:
        for stream, numbers in hub["streams"].items():
            streams.setdefault(stream, Counter()).update(numbers)
        for alias, log in hub["logs"].items():
            logs[alias] = {"lag": max(log["lag"], logs.get(alias, log)["lag"])}
    return together


def _labelled(name: str, gauges: Mapping[str, Any]) -> list[tuple[str, float]]:
    if name == "log_lag_seconds":
        return [(alias, log["lag"]) for alias, log in gauges.get("logs", {}).items()]
    figure = {"live_queries": "queries", "subscribers": "subscribers", "queries_apart": "slow"}[name]
    return [(stream, numbers.get(figure, 0)) for stream, numbers in gauges.get("streams", {}).items()]
