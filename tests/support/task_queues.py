"""Tasks with a job, as a project declares them, for Celery and for the tasks of Django 6. They stand here once.

The module is Celery's application too: `celery -A tests.support.task_queues worker`. Only processes of task queues and
those that enqueue for them import it, with the packages on their path.
"""

import os
import time

import django
from django.apps import apps

import realtime

QUEUE = os.environ["REALTIME_TEST_QUEUE"]


def export(pk: str, total: int) -> None:
    """Advance a job; without an end if `total` is 0."""
    with realtime.run_job(pk, total=total or None) as job:
        job.result = str(os.getpid())
        while not total or job.done < total:
            job.advance()
            if not total:
                time.sleep(0.01)
        job.result = f"{job.done} lines"


if QUEUE == "celery":
    from celery import Celery

    app = Celery("site", broker=os.environ["REALTIME_TEST_BROKER"])
    app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
    app.conf.task_default_queue = os.environ["REALTIME_TEST_RUN"]
    if not apps.ready:
        django.setup()
    export = app.task(export, name="export")
    enqueue = export.delay
else:
    from django.tasks import task

    export = task(export)
    enqueue = export.enqueue
