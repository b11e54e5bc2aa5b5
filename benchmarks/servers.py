"""Servers: the peers as processes on one core, and the load driver on the other one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support import services
from tests.support.processes import Process, accepts, free_port, tied

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
BUN = HERE / "node_modules" / ".bin" / "bun"
BENCH_FOLDER = Path(sys.prefix) / "nchan"  # the content of Debian's package of nchan

CORES = sorted(os.sched_getaffinity(0))
DRIVER_CORE, SERVER_CORE = CORES[0], CORES[-1]

APPLICATION = "benchmarks.peers.asgi:application"
HELLO = {"type": "hello", "version": 1}
SUBSCRIBE = {"type": "subscribe", "id": 1, "stream": "items", "params": {"room": 1}, "format": "data"}


@dataclass(frozen=True)
class Peer:
    """A server in the comparison: how to start it, and which protocol it has."""

    name: str
    label: str
    kind: str = "websocket"  # the driver's protocol: websocket, realtime, socketio or sse
    module: str = ""  # in benchmarks.peers, for Python
    server: str = ""  # daphne or uvicorn, for Python
    script: str = ""  # in benchmarks/peers, for JavaScript
    layer: str = ""  # the channel layer
    path: str = "/"
    control: str = "/control"
    needs: tuple[str, ...] = ()  # services: redis, postgresql
    most: int = 10_000  # clients; with more, a run would not end
    environment: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def fast(self) -> bool:
        return self.most >= 10_000

    @property
    def command(self) -> list[str]:
        python = [sys.executable, "-m"]
        if self.server == "daphne":
            return [
                *python,
                "daphne",
                "-v",
                "0",
                "-b",
                "127.0.0.1",
                "-p",
                "{port}",
                "benchmarks.peers.asgi:application",
            ]
        if self.server == "uvicorn":
            options = ["--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop", "--ws", "websockets-sansio"]
            quiet = ["--log-level", "warning", "--no-access-log", "--backlog", "4096"]
            return [*python, "uvicorn", *options, *quiet, APPLICATION]
        runtime = str(BUN) if self.script == "bun.js" else shutil.which("node") or "node"
        return [runtime, str(HERE / "peers" / self.script), "{port}"]


def _pair(name: str, label: str, **options: Any) -> list[Peer]:
    return [Peer(f"{name}-{server}", f"{label}, {server}", server=server, **options) for server in SERVERS]


SERVERS = ("daphne", "uvicorn")
REALTIME = _pair("realtime", "realtime", module="ours", kind="realtime", path="/realtime/ws/")
BARE = _pair("bare", "bare ASGI loop", module="bare")
PLAIN = _pair("plain", "bare Channels consumer", module="plain")
REDIS: dict[str, Any] = {"module": "byhand", "needs": ("redis",), "most": 1000}
BY_HAND = [
    *_pair("channels-memory", "Channels, in memory", module="byhand", layer="memory", most=1000),
    _pair("channels-redis", "Channels, Redis", layer="redis", **REDIS)[1],
    _pair("channels-pubsub", "Channels, Redis pub/sub", layer="pubsub", **REDIS)[1],
]
DCRF = _pair("dcrf", "djangochannelsrestframework", module="dcrf", layer="memory", most=1000)
OUTSIDE = [  # that send the changes of other processes
    REALTIME[1],
    BY_HAND[2],
    Peer("dcrf-redis", "djangochannelsrestframework, Redis, uvicorn", server="uvicorn", layer="redis",
         **REDIS | {"module": "dcrf"}),
]  # fmt: skip
EVENTSTREAM = [
    Peer("eventstream", "django-eventstream, uvicorn", "sse", module="eventstream", server="uvicorn", path="/events/",
         most=1000)
]  # fmt: skip
JAVASCRIPT = [
    Peer("ws", "ws, Node", script="ws.js"),
    Peer(
        "socketio", "Socket.IO, Node", "socketio", script="socketio.js", path="/socket.io/?EIO=4&transport=websocket"
    ),
    Peer("bun", "Bun publish", script="bun.js"),
]
NCHAN = [Peer("nchan", "nchan, nginx", path="/sub", control="/pub")]
PEERS = {peer.name: peer for peer in [*REALTIME, *BARE, *PLAIN, *BY_HAND, *DCRF, *EVENTSTREAM, *JAVASCRIPT, *NCHAN]}


class Bench:
    """The folder of a run: the database with its user, and the services on the driver's core."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="realtime-bench-"))
        self.directory.chmod(0o755)
        self._services: dict[str, Any] = {}
        self._template = self.directory / "template.sqlite3"
        self.sessions = {"": self._prepare(str(self._template))}  # of the user, by PostgreSQL database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._services.values():
            server.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def service(self, name: str) -> Any:
        """Return a service of its own for this run, on the driver's core."""
        if name not in self._services:
            self._services[name] = services.start(name)
            pin(self._services[name].pid, DRIVER_CORE)
        return self._services[name]

    def database(self) -> str:
        """Return the path of a new SQLite file."""
        path = self.directory / f"site-{time.monotonic_ns()}.sqlite3"
        shutil.copy(self._template, path)
        return str(path)

    def postgresql(self) -> str:
        """Return the URL of a new PostgreSQL database."""
        import psycopg

        url = self.service("postgresql").url
        name = f"bench_{time.monotonic_ns()}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        address = f"{url.rpartition('/')[0]}/{name}"
        self.sessions[address] = self._prepare(address)
        return address

    def _prepare(self, database: str) -> str:
        environment = self.environment(database)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.prepare"], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def environment(self, database: str, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REALTIME_"))}
        return {**kept, "DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings", "BENCH_DATABASE": database, **more}


class Server:
    """One process of a peer, on the server's core. `database` is a new one by default."""

    def __init__(self, bench: Bench, peer: Peer, *, database: str = "", core: int = SERVER_CORE, **more: str) -> None:
        self.peer = peer
        self._session = bench.sessions[database]
        self.port = free_port()
        command = nchan(bench, self.port) if peer.name == "nchan" else peer.command
        redis = bench.service("redis").url if "redis" in peer.needs or more.get("BENCH_LAYER") == "redis" else ""
        environment = {"BENCH_PEER": peer.module, "BENCH_LAYER": peer.layer, "BENCH_REDIS": redis} | more
        self._environment = bench.environment(database or bench.database(), **environment)
        self._process = Process(
            ["taskset", "-c", str(core), *(part.format(port=self.port) for part in command)],
            log=bench.directory / f"{peer.name}-{self.port}.log",
            ready=lambda: accepts(self.port),
            env=self._environment,
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def writer(self) -> Writer:
        """Return a process that writes to the same database."""
        return Writer(self._environment)

    def subscriber(self, stream: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Return what distinguishes a client that subscribes to this stream, or to the group of its parameter."""
        [(name, value)] = params.items()
        subscribe = SUBSCRIBE | {"stream": stream, "params": params}
        return {
            "path": self.peer.path if self.peer.kind == "realtime" else f"{self.peer.path}?{name}-{value}",
            "hello": _compact([HELLO, subscribe]) if self.peer.kind == "realtime" else [],
            "headers": f"Cookie: sessionid={session or self._session}\r\n",
        }

    def connection(self, **more: Any) -> dict[str, Any]:
        """Return the driver's options for connecting to it."""
        peer = self.peer
        return {
            "kind": peer.kind,
            "port": self.port,
            "path": peer.path,
            "control": peer.control,
            "clock": bool(peer.module),
            "hello": _compact([HELLO, SUBSCRIBE]) if peer.kind == "realtime" else [],
            "ready": {"realtime": "frame", "socketio": "40{"}.get(peer.kind, ""),
            "headers": f"Cookie: sessionid={self._session}\r\n" if peer.module else "",
        } | more

    def processor_seconds(self) -> float:
        return sum(time.clock_gettime(_clock_of(process.pid)) for process in self._processes())

    def memory(self) -> int:
        """Return the bytes of memory that only this server uses."""
        return sum(process.memory_full_info().uss for process in self._processes())

    def log(self) -> str:
        return self._process.output()

    def _processes(self) -> Iterable[psutil.Process]:
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]


def _compact(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [json.dumps(message, separators=(",", ":")) for message in messages]


class Writer:
    """A process that writes rows, on the driver's core: it calls functions of `benchmarks.peers.rows`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = ["taskset", "-c", str(DRIVER_CORE), sys.executable, "-m", "benchmarks.writer"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._popen = subprocess.Popen(tied(command), env=environment, cwd=ROOT, text=True, **pipes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._popen.kill()
        self._popen.wait()

    def __call__(self, function: str, *args: Any, **options: Any) -> Any:
        """Call a function there, and return its result."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps([function, args, options]) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        if not line:
            raise DriverError("The writer has ended.")
        return json.loads(line)


class DriverError(Exception):
    """A failed command of the load driver."""


class Driver:
    """The load driver, on its own core."""

    def __init__(self) -> None:
        command = ["taskset", "-c", str(DRIVER_CORE), str(BUN), str(HERE / "load" / "driver.js")]
        self._popen = subprocess.Popen(tied(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._popen.kill()
        self._popen.wait()

    def __call__(self, command: str, **options: Any) -> dict[str, Any]:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "The load driver has ended."}
        if "error" in answer:
            raise DriverError(f"{command}: {answer['error']}")
        return answer

    def processor_seconds(self) -> float:
        return sum(psutil.Process(self._popen.pid).cpu_times()[:2])


def _clock_of(pid: int) -> int:
    """Return the number of a process's own clock in Linux: `times` counts in steps of 10 ms, as long as a round."""
    return ~pid << 3 | 2  # https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html


def pin(pid: int, core: int) -> None:
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # a service's worker, which has ended
            for thread in process.threads():
                os.sched_setaffinity(thread.id, [core])


def nchan(bench: Bench, port: int) -> list[str]:
    """Return the command of an nginx with nchan and its own configuration."""
    module = next(BENCH_FOLDER.rglob("ngx_nchan_module.so"))
    configuration = bench.directory / f"nchan-{port}.conf"
    text = (HERE / "peers" / "nchan.conf").read_text()
    for name, value in {"MODULE": module, "DIRECTORY": bench.directory, "PORT": port}.items():
        text = text.replace(f"@{name}@", str(value))
    configuration.write_text(text)
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(configuration)]


def missing(peer: Peer) -> str:
    """Return why a peer cannot be measured here, or ""."""
    if peer.name == "nchan":
        if not any(BENCH_FOLDER.rglob("ngx_nchan_module.so")):
            return "Debian's libnginx-mod-nchan could not be had"
        if not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
            return "there is no nginx"
    return ""
