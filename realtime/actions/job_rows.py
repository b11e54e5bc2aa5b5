"""Job rows: queues, begins, cancels and prunes jobs. Their workers hold leases, as the writers of live texts do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connections, router, transaction
from django.utils import timezone

from realtime.actions import text_leases
from realtime.actions.storable import storable_number, storable_text
from realtime.actions.text_leases import LeaseTarget, request_stop, take_lease, update
from realtime.changelog import BACKENDS
from realtime.exceptions import ActionError, JobBusy, JobError, TextBusy
from realtime.models import ENDED_STATES, HAS_USERS, Job, JobState
from realtime.protocol.live_text import TextName
from realtime.streams.keys import key_of

KEPT = timedelta(days=7)  # after a job's end; for one that no worker has run, after it was queued


class JobTarget(LeaseTarget):
    """The row of a job."""

    is_announced = False
    death = "The worker of the job %(key)s is dead."

    def fail(self) -> None:
        if self.row.filter(state=JobState.RUNNING).exists():
            update(self, {"state": JobState.FAILED, "worker_died": True, "ended_at": timezone.now()})


text_leases.kinds[Job._meta.label_lower] = JobTarget


def job_database() -> str:
    """Return the alias of the database of the jobs."""
    return router.db_for_write(Job)


def queue(user: object, name: str, total: int | None) -> Job:
    """Insert a queued job, in the caller's transaction. Raise `JobError`."""
    job = Job(**fields_of(user, name), total=storable_number(total))
    job.save(using=job_database(), force_insert=True)
    return job


def fields_of(user: object, name: str) -> dict[str, Any]:
    """Return the fields of a new job. Raise `JobError` if nobody can own it."""
    if not HAS_USERS:
        raise JobError("A job belongs to a user, and this project has no user model. Install django.contrib.auth.")
    key = getattr(user, "pk", user)
    if key is None:
        raise JobError("A job belongs to a user. Pass one who is saved and not anonymous, or a primary key.")
    return {"user_id": key, "name": storable_text(name)[:200]}


def target_of(key: UUID) -> JobTarget:
    """Return what the worker of a job writes. Raise `JobError` for a database that cannot have live rows."""
    alias = job_database()
    if connections[alias].vendor not in BACKENDS:
        raise JobError(f"Jobs need SQLite, PostgreSQL, MySQL or MariaDB; {alias!r} is another database.")
    name = TextName(alias, Job._meta.label_lower, key_of(Job(pk=key)), "state")
    return JobTarget(name, Job, Job._meta.get_field("state"), "state")


def parse_key(job: object) -> UUID:
    """Return the primary key of a job that was passed as a job, a key or its text. Raise `JobError`."""
    try:
        key: UUID | None = Job._meta.get_field("id").to_python(getattr(job, "pk", job))
    except ValidationError:
        key = None
    if key is None:
        raise JobError(f"{job!r} is not a job. Pass what realtime.queue_job returned, or its primary key.")
    return key


class Beginning(NamedTuple):
    """How a job has begun."""

    is_cancelled: bool  # before a worker took it
    total: int | None


def begin(target: JobTarget, writer: str, new: Mapping[str, Any] | None, total: int | None) -> Beginning:
    """Take the lease of a job and mark it as running, or insert it.

    Repeating it is safe. Raise `JobBusy`, or `JobError` if there is no such job.
    """
    alias = target.name.alias
    if text_leases.holds(target, writer):  # the answer to the first attempt was lost
        return Beginning(is_cancelled=False, total=target.row.values_list("total", flat=True).first())
    running: dict[str, Any] = {"state": JobState.RUNNING, "started_at": timezone.now(), "total": total}
    with transaction.atomic(using=alias):
        try:
            take_lease(target, writer)
        except TextBusy:
            raise JobBusy(f"The job {target.name.key} is being run by another worker.") from None
        if new is not None:
            Job(pk=UUID(target.name.key), **new, **running).save(using=alias, force_insert=True)
            return Beginning(is_cancelled=False, total=total)
        queued = target.row.values_list("state", "total").first()
        if queued is None:
            raise JobError(f"There is no job {target.name.key}: it was pruned, or its user was deleted.")
        if queued[0] == JobState.CANCELLED:
            text_leases.release(target, writer)
            return Beginning(is_cancelled=True, total=queued[1])
        running["total"] = queued[1] if total is None else total
        again = {"done": 0, "seconds_left": None, "cancel_requested": False, "ended_at": None, "worker_died": False}
        update(target, {**running, **again, "result": "", "result_url": "", "error": ""})
        return Beginning(is_cancelled=False, total=running["total"])


def resume(target: JobTarget, writer: str) -> bool:
    """Take the lease again after it had expired; return False if the job is gone, or another worker runs it."""
    holds = text_leases.holds(target, writer)
    with transaction.atomic(using=target.name.alias):
        try:
            if not holds:
                take_lease(target, writer)
        except TextBusy:
            return False
        if update(target, {"state": JobState.RUNNING, "worker_died": False, "ended_at": None}):
            return True
        text_leases.release(target, writer)
        return False


def cancel(key: UUID, **owner: Any) -> str | None:
    """Ask for the end of a job that is queued or runs; return its worker, or None. Raise `Job.DoesNotExist`."""
    target, rows = target_of(key), Job.objects.using(job_database())
    with transaction.atomic(using=target.name.alias):
        worker = request_stop(target.name)
        job = rows.get(pk=key, **owner)
        if job.state == JobState.RUNNING:
            update(target, {"cancel_requested": True})
        elif job.state == JobState.QUEUED:
            update(target, {"cancel_requested": True, "state": JobState.CANCELLED, "ended_at": timezone.now()})
    return worker


def prune(alias: str) -> int:
    """Delete the jobs that have ended long ago, and those that no worker has run; return their number."""
    if alias != job_database():
        return 0
    before, jobs = timezone.now() - KEPT, Job.objects.using(alias)
    ended = jobs.filter(state__in=ENDED_STATES, ended_at__lt=before).delete()[0]
    return ended + jobs.filter(state=JobState.QUEUED, created_at__lt=before).delete()[0]


def public_error_of(error: BaseException) -> str:
    """Return what the user of a job may know of an exception: only what was written for users."""
    if isinstance(error, ActionError):
        return storable_text(error.reason)
    return storable_text(" ".join(error.messages)) if isinstance(error, ValidationError) else ""
