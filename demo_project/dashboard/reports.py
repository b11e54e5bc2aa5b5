"""Reports: a job that reads all tasks of a user's projects, slowly enough to be watched."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

from django.db import connections, transaction

import realtime
from demo_project.board.models import Task

STEP_SECONDS = 0.2  # for a task
MOST = 5  # reports at once; a site with more to do has workers


def request_report(user: Any) -> bool:
    """Queue a report, and return whether there is a thread for it."""
    if sum(thread.name == "report" for thread in threading.enumerate()) >= MOST:
        return False
    job = realtime.queue_job(user, "Report on all tasks")
    transaction.on_commit(partial(_start, str(job.pk), user.pk))
    return True


def _start(job: str, user: int) -> None:
    threading.Thread(target=_run, args=(job, user), name="report", daemon=True).start()


def _run(job: str, user: int) -> None:
    try:
        write_report(job, user)
    finally:
        connections.close_all()  # of this thread


def write_report(pk: str, user: int) -> None:
    tasks = list(Task.objects.filter(project__members=user))
    with realtime.run_job(pk, total=len(tasks)) as job:
        done = 0
        for task in tasks:
            time.sleep(STEP_SECONDS)
            done += task.done
            job.advance()
        job.result = f"{done} of {len(tasks)} tasks are done."
