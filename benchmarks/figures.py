"""Figures: the medians, spreads and ratios of a suite's records, and whether the targets are met.

A ratio compares two peers within one run, because the machine's speed varies between runs. The median is that of the
ratios.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

MEMORY = "Memory per idle connection at most 1.25 of a bare consumer"
CONNECT = "Connect rate at least 0.8 of a bare consumer"

Record = dict[str, Any]


class Spread(NamedTuple):
    """The figures of several runs."""

    median: float
    least: float
    most: float
    runs: int

    def __format__(self, spec: str) -> str:
        if self.runs == 1:
            return format(self.median, spec)
        return f"{self.median:{spec}} ({self.least:{spec}}-{self.most:{spec}})"


class Target(NamedTuple):
    """A target and the result; `met` is None if it was not measured."""

    text: str
    seen: str
    met: bool | None


def spread(values: Iterable[float]) -> Spread | None:
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found), len(found)) if found else None


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Figures:
    """The records of one suite."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    def of(self, measure: str, **wanted: Any) -> list[Record]:
        def fits(record: Record) -> bool:
            return record["measure"] == measure and all(record.get(name) == value for name, value in wanted.items())

        return [record for record in self.records if fits(record)]

    def peers(self, measure: str, **wanted: Any) -> dict[str, list[Record]]:
        """Return the records by the label of their peer."""
        groups: defaultdict[str, list[Record]] = defaultdict(list)
        for record in self.of(measure, **wanted):
            groups[record["label"]].append(record)
        return dict(groups)

    def value(self, measure: str, name: str, **wanted: Any) -> Spread | None:
        return spread(record[name] for record in self.of(measure, **wanted))

    def ratio(self, measure: str, name: str, one: str, other: str, **wanted: Any) -> Spread | None:
        """Return the ratio of two peers' figures in each run that has both."""
        theirs = {record["run"]: record[name] for record in self.of(measure, peer=other, **wanted)}
        mine = {record["run"]: record[name] for record in self.of(measure, peer=one, **wanted)}
        return spread(mine[run] / theirs[run] for run in sorted(mine.keys() & theirs.keys()) if theirs[run])

    def merged(self, measure: str, name: str, **wanted: Any) -> list[float]:
        return [value for record in self.of(measure, **wanted) for value in record[name]]

    def targets(self) -> list[Target]:
        """Return the product's targets with their results."""
        return [target for targets in self._targets() for target in targets]

    def _targets(self) -> Iterable[list[Target]]:
        yield [self._bare(server) for server in ("daphne", "uvicorn")]
        yield [
            self._at_least(f"{most} times {label} on daphne", most, "fan-out", "rate", "realtime-daphne", peer)
            for label, peer, most in (
                ("Channels' in-memory group_send", "channels-memory-daphne", 15),
                ("djangochannelsrestframework", "dcrf-daphne", 10),
            )
        ]
        yield [
            self._at_least("0.9 of Socket.IO per core", 0.9, "fan-out", "rate", "realtime-uvicorn", "socketio"),
            *(self._flood(server) for server in ("daphne", "uvicorn")),
            *(self._idle(server) for server in ("daphne", "uvicorn")),
            self._last_served(),
            self._routing(),
            *self._text(),
            *self._black_box(),
        ]
        for server in ("daphne", "uvicorn"):
            ours, plain = f"realtime-{server}", f"plain-{server}"
            memory = self.ratio("connections", "memory", ours, plain)
            yield [
                _judged(f"{MEMORY}, {server}", memory, lambda value: value <= 1.25),
                self._at_least(f"{CONNECT}, {server}", 0.8, "connections", "rate", ours, plain),
                self._storm(server),
            ]

    def _bare(self, server: str) -> Target:
        return self._at_least(f"0.9 of the bare loop on {server}", 0.9, "fan-out", "rate", *_both(server))

    def _at_least(self, text: str, least: float, measure: str, name: str, one: str, other: str) -> Target:
        where = {"clients": 1000} if measure == "fan-out" else {}
        found = self.ratio(measure, name, one, other, **where)
        return _judged(f"Fan-out at 1,000: {text}" if where else text, found, lambda value: value >= least)

    def _flood(self, server: str) -> Target:
        ours, outside = (self.value("flood", "rate", peer=f"realtime-{server}{how}") for how in ("", "-outside"))
        others = {
            peer: self.value("flood", "rate", peer=peer)
            for peer in {record["peer"] for record in self.of("flood")}
            if not peer.startswith("realtime")
        }
        text = f"Rows a second when changes are faster than frames, {server}: ahead of every peer"
        if ours is None or outside is None or not others:
            return Target(text, "not measured", None)
        best = max(others, key=lambda peer: others[peer].median if others[peer] else 0.0)  # type: ignore[union-attr]
        second = others[best]
        assert second is not None
        seen = f"{ours:,.0f}, written by another process {outside:,.0f}; the best other, {best}: {second:,.0f}"
        return Target(text, seen, max(ours.median, outside.median) > second.median)

    def _idle(self, server: str) -> Target:
        found = self.merged("latency", "latencies", peer=f"realtime-{server}", clients=1)
        text = f"Commit to an idle single subscriber on {server}: p50 under 10 ms"
        return _milliseconds(text, found, lambda p50: p50 < 10)

    def _last_served(self) -> Target:
        text = "Commit to the last of 1,000 on daphne: p50 below the bare loop's time plus 10 ms"
        bare = self.merged("fan-out", "round", peer="bare-daphne", clients=1000)
        found = self.merged("fan-out", "commit", peer="realtime-daphne", clients=1000)
        if not bare or not found:
            return Target(text, "not measured", None)
        limit = percentile(bare, 0.5) + 10
        return _milliseconds(f"{text} ({limit:.1f} ms)", found, lambda p50: p50 < limit)

    def _text(self) -> Iterable[Target]:
        for record in self.of("text"):
            if limit := record["target"]:
                text = f"{record['what']}: at most {limit:g}"
                yield Target(text, f"{record['seen']:.2f}", record["seen"] <= limit)

    def _black_box(self) -> Iterable[Target]:
        for record in self.of("black-box", peer="realtime-uvicorn"):
            what, times = f"{record['what']}, {record['database']}", "{:.1f} times, {:.0f} and {:.0f} ms"
            if "beside" in record and not record["what"].endswith(
                ": filtered"
            ):  # which reads each by its own QuerySet
                ratio, most = record["processor"] / record["beside"], 5 if "number" in record else 2
                seen = times.format(ratio, 1000 * record["processor"], 1000 * record["beside"])
                yield Target(f"Changes from outside: {what}: at most {most} times one", seen, ratio <= most)
            elif "behind" in record:
                processor, behind = 1e6 * record["processor"], record["behind"]
                seen = f"{processor:.0f} µs; all {1000 * behind:.0f} ms after the last commit"
                met = processor <= 250 and behind <= 0.5
                yield Target(f"Changes from outside: {what}: at most 250 µs each, and not behind", seen, met)
            elif "latencies" in record:
                p99 = percentile(record["latencies"], 0.99)
                yield Target(f"Changes from outside: {what}: p99 below 150 ms", f"{p99:.0f} ms", p99 < 150)

    def _routing(self) -> Target:
        found = {record["queries"]: record["ratio"] for record in self.of("routing")}
        text = "A change that concerns one of 10,000 live queries: cost within 1.2 of one"
        if 10_000 not in found:
            return Target(text, "not measured", None)
        return Target(text, f"{found[10_000]:.2f}", found[10_000] <= 1.2)

    def _storm(self, server: str) -> Target:
        ours, bare = (self.of("storm", peer=peer) for peer in _both(server))
        text = f"Resume storm on {server}: all back within the bare server's time plus 2 s"
        if not ours or not bare:
            return Target(text, "not measured", None)
        mine, theirs = ours[0], bare[0]
        whole = mine["rows"][0] >= 1
        seen = f"{mine['seconds']:.2f} s against {theirs['seconds']:.2f} s; {mine['statements']} SQL statements"
        return Target(f"{text} ({mine['clients']:,} clients)", seen, whole and mine["seconds"] < theirs["seconds"] + 2)


def _both(server: str) -> tuple[str, str]:
    return f"realtime-{server}", f"bare-{server}"


def _judged(text: str, found: Spread | None, wanted: Callable[[float], bool]) -> Target:
    return Target(text, "not measured", None) if found is None else Target(text, f"{found:.2f}", wanted(found.median))


def _milliseconds(text: str, found: Sequence[float], wanted: Callable[[float], bool]) -> Target:
    if not found:
        return Target(text, "not measured", None)
    p50 = percentile(found, 0.5)
    return Target(text, f"p50 {p50:.1f} ms, p99 {percentile(found, 0.99):.1f} ms", wanted(p50))
