"""Jobs in task queues as they really run: Celery's worker with Redis, and the worker of the tasks of Django 6."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import psutil
import pytest

from tests.conftest import give_up
from tests.settings import INSTALLED_APPS
from tests.support import services
from tests.support.demo import ROOT
from tests.support.faults_clients import Clients, LiveClient
from tests.support.faults_site import Site
from tests.support.processes import tied
from tests.support.waiting import seconds, wait_until

PIP_PYTHON = ROOT / ".venv/bin/python"  # whose pip serves the other environments too
PACKAGES = {
    "celery": ["celery==5.7.0"],
    "django": ["django-tasks-db==0.13.0", "django-stubs-ext", "typing_extensions"],
}
WORKERS = {
    "celery": ["-m", "celery", "-A", "tests.support.task_queues", "worker", "-c", "1", "--without-gossip"],
    "django": ["-m", "django", "db_worker", "--interval", "0.05"],
}
SETTINGS = {
    "celery": {},
    "django": {
        "INSTALLED_APPS": [*INSTALLED_APPS, "tests.faults", "django_tasks_db"],
        "TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
    },
}
ENQUEUE = """
from tests.support.task_queues import enqueue
import realtime
from functools import partial
with transaction.atomic():
    job = realtime.queue_job(User.objects.get(), {name!r})
    transaction.on_commit(partial(enqueue, str(job.pk), {total}))
"""


@pytest.fixture(scope="module")
def packages(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns a folder with the packages of a queue, which the environment of the tests does without."""

    def installed(queue: str) -> Path:
        folder = tmp_path_factory.mktemp(queue)
        # without their dependencies on Django, which is there
        pip = [str(PIP_PYTHON), "-m", "pip", "--python", sys.executable]
        command = [*pip, "install", "--quiet", "--target", str(folder), *PACKAGES[queue]]
        done = subprocess.run(
            [*command, *(["--no-deps"] if queue == "django" else [])],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds(120),
        )
        if done.returncode:
            give_up(pytestconfig, f"The package index has no {' '.join(PACKAGES[queue])}: {done.stderr[-300:]}")
        return folder

    return installed


class TaskQueue:
    """A site with a queue of tasks, and a client that sees its user's jobs."""

    def __init__(self, site: Site, clients: Clients, queue: str) -> None:
        self._command = tied([sys.executable, *WORKERS[queue]])
        self._env = site.env()
        self._log = site.directory / "queue.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._view = site.worker()
        self._view.run("from tests.support.logins import new_session")
        session = self._view.ask("new_session(User.objects.create(username='ada'))")
        self.client: LiveClient = clients(site.serve().url, session=session)
        self.client.subscribe("realtime.jobs", {})
        clients.wait_until_live()

    def start(self) -> None:
        """Start the queue's worker."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._env, cwd=ROOT, stdout=log, stderr=log)

    def enqueue(self, name: str, *, total: int) -> None:
        """Insert a job, and start its task when the transaction commits."""
        self._view.run(ENQUEUE.format(name=name, total=total))

    def job(self, name: str) -> dict[str, Any]:
        """The job as the client sees it."""
        return next((row for _, row in self.client.rows() if row["name"] == name), {})

    def wait_for(self, name: str, **wanted: Any) -> dict[str, Any]:
        def is_there() -> bool:
            row = self.job(name)
            return bool(row) and all(row[field] == value for field, value in wanted.items())

        try:
            wait_until(is_there, what=f"{name}: {wanted}", timeout=60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.job(name)}\n{self._log.read_text()}") from None
        return self.job(name)

    def kill(self) -> None:
        """Send SIGKILL to the worker and to all its processes."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        for process in [*parent.children(recursive=True), parent]:
            os.kill(process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


@pytest.fixture
def make_queue(
    make_site: Callable[..., Site],
    clients: Clients,
    packages: Callable[[str], Path],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], TaskQueue]]:
    made: list[TaskQueue] = []

    def make(queue: str) -> TaskQueue:
        path = os.pathsep.join([str(ROOT), str(packages(queue))])
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.setenv("REALTIME_TEST_QUEUE", queue)
        if queue == "celery":
            try:
                monkeypatch.setenv("REALTIME_TEST_BROKER", services.url("redis"))
            except services.Missing as missing:
                give_up(pytestconfig, str(missing))
        made.append(TaskQueue(make_site(**SETTINGS[queue]), clients, queue))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.short
@pytest.mark.once
@pytest.mark.parametrize("queue", ["celery", pytest.param("django", marks=pytest.mark.newest)])
def test_a_job_in_a_real_worker_is_seen_cancelled_and_known_to_be_dead(queue, make_queue, report):
    if queue == "django" and django.VERSION < (6,):
        pytest.skip("Django 5.2 has no tasks; scripts/test runs this with the newest Django.")
    tasks = make_queue(queue)

    tasks.enqueue("Import", total=1000)
    assert tasks.wait_for("Import", state="queued")["done"] == 0
    tasks.start()
    job = tasks.wait_for("Import", state="complete")
    assert (job["done"], job["percent"], job["result"]) == (1000, 100, "1000 lines")

    tasks.enqueue("Endless", total=0)
    pk = tasks.wait_for("Endless", state="running")["id"]
    wait_until(lambda: tasks.job("Endless")["done"] > 10, what="progress")
    tasks.client.call("cancel-the-endless-one", "realtime.jobs", {}, "cancel", pk=pk)
    tasks.wait_for("Endless", state="cancelled", cancel_requested=True)

    tasks.enqueue("Killed", total=0)
    tasks.wait_for("Killed", state="running")
    wait_until(lambda: tasks.job("Killed")["done"] > 10, what="progress")
    tasks.kill()
    tasks.wait_for("Killed", state="failed", worker_died=True)
    report(f"a worker of {queue}: a job that it completed, one that was cancelled, and one in which it was killed")
