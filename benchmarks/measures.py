"""Measures: the workloads for a server, and the records of their results.

A record is a dictionary for JSON: the measure, the peer, the number of clients, the run, and figures. Latencies are
arrays of milliseconds. They are merged across runs before percentiles are computed.
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.servers import Bench, Driver, Peer, Server, Writer

Record = dict[str, Any]
WARM_UP_SECONDS = 0.2
WRITTEN = 4000  # rows by a separate process, which takes about a second
SETTLE_CLIENTS = 20  # connected before memory is measured, so that modules loaded for the first ones do not count


@dataclass
class Context:
    """The context of every measure."""

    bench: Bench
    driver: Driver
    keep: Callable[[Record], None]
    run: int = 0

    @contextmanager
    def served(self, peer: Peer, *, patience: float = 60, **options: Any) -> Iterator[Server]:
        """Run the peer's server, with the driver's control connected."""
        with Server(self.bench, peer, **options) as server:
            self.driver("open", peer=server.connection(patience=patience * 1000))
            yield server
            trouble = [line for line in server.log().splitlines() if "Error" in line or "Traceback" in line]
            if trouble:
                self.keep({"measure": "trouble", "peer": peer.name, "lines": trouble[:5], "run": self.run})

    def record(self, measure: str, of: Peer, **figures: Any) -> None:
        self.keep({"measure": measure, "peer": of.name, "label": of.label, "run": self.run, **figures})


def fan_out(context: Context, peer: Peer, *, sizes: list[int], seconds: float, flood_at: int = 0) -> None:
    """Send changes to all clients one by one; then, at one size, as fast as possible."""
    driver = context.driver
    with context.served(peer, patience=60 + max(sizes) / 50) as server:
        connected = 0
        for size in sorted(size for size in sizes if size <= peer.most):
            driver("grow", count=size - connected)
            connected = size
            driver("rounds", seconds=WARM_UP_SECONDS, least=2)
            processor, busy = server.processor_seconds(), driver.processor_seconds()
            found = driver("rounds", seconds=seconds, least=3)
            processor, busy = server.processor_seconds() - processor, driver.processor_seconds() - busy
            context.record(
                "fan-out",
                peer,
                clients=size,
                rate=found["deliveries"] / found["seconds"],
                processor=1e6 * processor / found["deliveries"],
                driver=busy / found["seconds"],
                rounds=found["rounds"],
                round=found["lasts"],
                commit=found["commits"],
                latencies=latencies(found),
            )
            if size == flood_at:
                flood(context, server, peer, clients=size, changes=flooding(peer))
                if peer.kind == "realtime":
                    with server.writer() as writer:
                        writer("write_all", 1)
                        time.sleep(0.5)  # until all clients have its first row
                        flood(context, server, peer, clients=size, changes=WRITTEN, writer=writer)


def flooding(peer: Peer) -> int:
    """Return a number of changes that takes about a second."""
    if peer.server and peer.kind != "realtime":
        return 60 if peer.fast else 3
    return 300


def flood(
    context: Context, server: Server, peer: Peer, *, clients: int, changes: int, writer: Writer | None = None
) -> None:
    processor, outside = server.processor_seconds(), {}
    if writer is None:
        found = context.driver("flood", changes=changes)
    else:
        label = f"{peer.label}, written by another process, ten in a transaction"
        outside = {"peer": f"{peer.name}-outside", "label": label}
        context.driver("expect", deliveries=changes * clients)
        writer("write_all", changes, at_once=10)
        found = context.driver("arrived")
    context.record(
        "flood",
        peer,
        **outside,
        clients=clients,
        rate=found["deliveries"] / found["seconds"],
        processor=1e6 * (server.processor_seconds() - processor) / found["deliveries"],
        bytes=found["bytes"] / found["deliveries"],
    )


def idle_latency(context: Context, peer: Peer, *, rounds: int) -> None:
    """Measure a single client with occasional changes."""
    with context.served(peer):
        context.driver("grow", count=1)
        context.driver("rounds", seconds=0, least=5, pause=20)
        found = context.driver("rounds", seconds=0, least=rounds, most=rounds, pause=20)
        context.record("latency", peer, clients=1, latencies=latencies(found))


def loaded_latency(context: Context, peer: Peer, *, clients: int, rounds: int) -> None:
    """Measure many clients, with a change soon after all clients have the last one."""
    with context.served(peer):
        context.driver("grow", count=clients)
        context.driver("rounds", seconds=0, least=3)
        found = context.driver("rounds", seconds=0, least=rounds, most=rounds, pause=20)
        context.record("latency", peer, clients=clients, latencies=latencies(found), last=found["commits"])


def burst(context: Context, peer: Peer, *, clients: int, rows: int) -> None:
    """Change so many rows of the live query of all clients in one transaction."""
    with context.served(peer, patience=120) as server:
        context.driver("tell", text=f"fill {rows}")
        context.driver("grow", count=clients, concurrency=8)
        processor, memory = server.processor_seconds(), server.memory()
        found = context.driver("burst", text="burst 1", changes=rows)
        context.record(
            "burst",
            peer,
            clients=clients,
            rows=rows,
            seconds=found["seconds"],
            write=found["write"],
            rate=found["deliveries"] / found["seconds"],
            processor=1e6 * (server.processor_seconds() - processor) / found["deliveries"],
            memory=max(0, server.memory() - memory),
        )


def storm(context: Context, peer: Peer, *, clients: int) -> None:
    """Reconnect all clients at once, after a change that they have missed."""
    with context.served(peer, patience=120) as server:
        driver = context.driver
        driver("grow", count=clients)
        driver("rounds", seconds=0, least=1)
        ours = peer.kind == "realtime"
        before = driver("tell", text="statements")["statements"] if ours else 0
        processor = server.processor_seconds()
        found = driver("storm", text="@@ missed".ljust(200, "x") if ours else None)
        statements = driver("tell", text="statements")["statements"] - before if ours else None
        context.record(
            "storm",
            peer,
            clients=clients,
            seconds=found["seconds"],
            processor=server.processor_seconds() - processor,
            statements=statements,
            rows=found["rows"],
        )


def idle_clients(context: Context, peer: Peer, *, clients: int) -> None:
    """Measure how fast clients can connect, and how much memory each uses."""
    with context.served(peer) as server:
        context.driver("grow", count=SETTLE_CLIENTS)
        memory, processor = server.memory(), server.processor_seconds()
        found = context.driver("grow", count=clients)
        processor = server.processor_seconds() - processor
        context.record(
            "connections",
            peer,
            clients=clients,
            rate=clients / found["seconds"],
            processor=1e6 * processor / clients,
            memory=(server.memory() - memory) / clients,
        )


def scale(context: Context, peer: Peer, *, processes: int, clients: int, seconds: float) -> None:
    """Distribute the same clients over so many server processes, with PostgreSQL and Redis."""
    database = context.bench.postgresql()
    options: dict[str, Any] = {"database": database, "BENCH_LAYER": "redis"}
    with context.served(peer, **options) as first:
        others = [Server(context.bench, peer, **options) for _ in range(processes - 1)]
        try:
            for other in others:
                other.__enter__()
            servers = [first, *others]
            context.driver("open", peer=first.connection(ports=[server.port for server in servers], patience=60_000))
            context.driver("grow", count=clients)
            context.driver("rounds", seconds=WARM_UP_SECONDS)
            before = [server.processor_seconds() for server in servers]
            found = context.driver("rounds", seconds=seconds)
            spent = [server.processor_seconds() - start for server, start in zip(servers, before, strict=True)]
        finally:
            for other in others:
                other.__exit__()
    context.record(
        "scale",
        peer,
        clients=clients,
        processes=processes,
        rate=found["deliveries"] / found["seconds"],
        processor=1e6 * sum(spent) / found["deliveries"],
        busiest=1e3 * max(spent) / found["rounds"],
        latencies=latencies(found),
    )


def latencies(found: dict[str, Any]) -> list[float]:
    data = base64.b64decode(found["latencies"])
    return [round(value, 3) for (value,) in struct.iter_unpack("<f", data)]
