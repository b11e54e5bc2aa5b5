"""A site of the test project with a database of its own: any number of daphne processes, and workers beside them."""

import json
import os
import shutil
import signal
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

from tests.support import processes, services
from tests.support.demo import ROOT, TROUBLE
from tests.support.faults_databases import copy_mysql, template
from tests.support.faults_worker import Worker
from tests.support.processes import Process, free_port, serves
from tests.support.servers import Server
from tests.support.waiting import seconds

_numbers = iter(range(1, 1000))


PROGRAMS = {
    "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}"],
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"],
}


class SiteServer:
    """One server process; `program` is daphne or uvicorn."""

    def __init__(self, env: Mapping[str, str], *, log: Path, program: str = "daphne", fresh: bool = False) -> None:
        self.port = free_port()
        self.log = log
        options = [option.format(port=self.port) for option in PROGRAMS[program]]
        self._process = Process(
            [sys.executable, *options, "tests.asgi:application"],
            log=log,
            ready=lambda: serves(self.port),
            env=env,
            cwd=ROOT,
            end=signal.SIGINT,
            fresh=fresh,
        )
        self.start, self.stop, self.kill = self._process.start, self._process.stop, self._process.kill
        self.terminate = self._process.terminate

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/realtime/ws/"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def jump(self) -> None:
        """Have the clock of a server that was started with a wrong one jump by as much again."""
        os.kill(self.pid, signal.SIGUSR1)

    def statements(self) -> dict[str, int]:
        """How many SQL statements the process has executed, by table."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/statements/", timeout=seconds(10)) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts

    def hints(self) -> int:
        """How many wake-ups have come to the process from others, by the channel layer."""
        return self.statements().get("hints", 0)

    def memory(self) -> int:
        """Bytes that the process has in memory."""
        return psutil.Process(self.pid).memory_info().rss

    def processor_seconds(self) -> float:
        """Processor time that the process has used."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def open_sockets(self) -> int:
        """Connections that the process holds, to clients and to the database."""
        return len(psutil.Process(self.pid).net_connections())

    def trouble(self) -> list[str]:
        """The errors in its log, each with its first line."""
        return [line for line in self._process.output().splitlines() if TROUBLE.search(line)]

    def output(self) -> str:
        return f"{self.url}:\n{self._process.output()}"


class Site:
    """The database, and the processes on it. `server` is a database server of the test's own, which it may kill."""

    def __init__(self, backend: str, *, server: Server | None = None, **settings: Any) -> None:
        self.backend = backend
        self.settings = settings
        self.run_name = f"{os.getpid()}_{next(_numbers)}"
        self.directory = self._folder(self.run_name)
        self.name = f"realtime_{self.run_name}"
        self.servers: list[SiteServer] = []
        self.workers: list[Worker] = []
        self.database_server = server
        self._url = "" if backend == "sqlite" else server.url if server else services.url(backend)
        self._create()

    def env(self, *, clock: float = 0, **settings: Any) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
        own = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "REALTIME_TEST_DATABASE": self.backend,
            "REALTIME_TEST_SITE": str(self.directory),
            "REALTIME_TEST_RUN": self.run_name,
            "REALTIME_TEST_SETTINGS": json.dumps(self.settings | settings),
            "REALTIME_TEST_CLOCK": str(clock),
        }
        address = {services.variable(self.backend): self._url} if self._url else {}
        return inherited | own | address

    def serve(self, *, clock: float = 0, program: str = "daphne", fresh: bool = False, **settings: Any) -> SiteServer:
        """One more server process, started; a `fresh` one has a Python of its own."""
        log = self.directory / f"server-{len(self.servers)}.log"
        server = SiteServer(self.env(clock=clock, **settings), log=log, program=program, fresh=fresh)
        self.servers.append(server)
        server.start()
        return server

    def worker(self, *, clock: float = 0) -> Worker:
        """One more process that writes or reads."""
        worker = Worker(self.env(clock=clock))
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
        for server in self.servers:
            if server.running:
                server.thaw()
                server.kill()  # a clean stop is what no test here is about
        if self.database_server is None:
            self._remove(self.run_name)
        else:
            self.database_server.remove()
            shutil.rmtree(self.directory, ignore_errors=True)

    def execute(self, *statements: str) -> list[Any]:
        """Ask the database server, outside of the site's database; return the rows of the last statement."""
        if self.backend == "postgresql":
            import psycopg

            with psycopg.connect(self._url, autocommit=True) as connection:
                for sql in statements:
                    cursor = connection.execute(sql)
                return cursor.fetchall() if cursor.description else []
        with self._mysql() as connection, connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
            return list(cursor.fetchall())

    def _mysql(self) -> Any:
        import pymysql

        parts = urlsplit(self._url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return pymysql.connect(host=parts.hostname, port=parts.port or 3306, user=user, password=password)

    @property
    def port(self) -> int:
        """Where the database server listens."""
        return urlsplit(self._url).port or {"postgresql": 5432, "mysql": 3306}[self.backend]

    def end_listeners(self) -> None:
        """End the connections of all servers that LISTEN; PostgreSQL alone."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self.name}' AND query LIKE 'LISTEN%'"
        )

    def _create(self) -> None:
        if self.database_server is not None:  # which ends with the test, and a template in it
            self._make(self.run_name)
            return
        key = json.dumps([self.backend, self.settings], sort_keys=True)
        source = template(key, self._make, self._remove)
        shutil.copytree(self._folder(source), self.directory)
        if self.backend == "sqlite":
            return
        if self.backend == "postgresql":
            self.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "realtime_{source}"')
        else:
            self._empty(self.run_name)
            with self._mysql() as connection, connection.cursor() as cursor:
                copy_mysql(cursor, f"realtime_{source}", self.name)
                connection.commit()

    def _make(self, run: str) -> None:
        """A migrated database for a run."""
        if self.backend != "sqlite":
            self._empty(run)
        folder = self._folder(run)
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "-v", "0"]
        env = self.env() | {"REALTIME_TEST_RUN": run, "REALTIME_TEST_SITE": str(folder)}
        done = processes.run(command, env=env, cwd=ROOT)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    def _folder(self, run: str) -> Path:
        return Path(tempfile.gettempdir()) / f"realtime-site-{run}"

    def _empty(self, run: str) -> None:
        if self.backend == "postgresql":
            self.execute(f'CREATE DATABASE "realtime_{run}"')
        else:
            self.execute(f"CREATE DATABASE `realtime_{run}` CHARACTER SET utf8mb4")

    def _remove(self, run: str) -> None:
        if self.backend == "postgresql":
            self.execute(f'DROP DATABASE IF EXISTS "realtime_{run}" WITH (FORCE)')
        elif self.backend == "mysql":
            self.execute(f"DROP DATABASE IF EXISTS `realtime_{run}`")
        shutil.rmtree(self._folder(run), ignore_errors=True)
