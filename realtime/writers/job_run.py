"""JobRun: a context manager for a worker's job, for sync and async code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.utils import timezone

from realtime.actions import job_rows
from realtime.exceptions import JobCancelled
from realtime.models import JobState
from realtime.writers.job_progress import JobProgress
from realtime.writers.job_saver import JobSaver
from realtime.writers.stop_listener import stop_on_commit


class JobRun:
    """What `realtime.job` and `realtime.run_job` return. Enter it with `with`, or with `async with`."""

    def __init__(self, key: UUID, new: Mapping[str, Any] | None, total: int | None) -> None:
        target = job_rows.target_of(key)
        self._target = target
        self._new = new
        self._saver = JobSaver(target, self._begin, lambda: self._progress.values())
        self._progress = JobProgress(key, total, self._saver)

    @classmethod
    def of_new(cls, user: object, name: str, total: int | None) -> JobRun:
        """Return the run of a job that nobody has queued."""
        return cls(uuid4(), job_rows.fields_of(user, name), total)

    @classmethod
    def of_queued(cls, job: object, total: int | None) -> JobRun:
        """Return a run of a queued job."""
        return cls(job_rows.parse_key(job), None, total)

    def __enter__(self) -> JobProgress:
        self._saver.start(is_async=False)
        return self._progress

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._saver.finish(self._outcome(error))
        return self._is_cancellation(error)

    async def __aenter__(self) -> JobProgress:
        started = asyncio.ensure_future(sync_to_async(self._saver.start)(is_async=True))
        try:
            await asyncio.shield(started)
        except asyncio.CancelledError as error:
            self._saver.end_soon(self._outcome(error))
            raise
        return self._progress

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        # it continues if the task is cancelled again
        await asyncio.shield(asyncio.ensure_future(sync_to_async(self._saver.finish)(self._outcome(error))))
        return self._is_cancellation(error)

    def _begin(self, writer: str) -> bool:
        """Begin the job; return whether it was cancelled before."""
        begun = job_rows.begin(self._target, writer, self._new, self._progress.total)
        self._progress.note_total(begun.total)
        return begun.is_cancelled

    def _is_cancellation(self, error: BaseException | None) -> bool:
        return isinstance(error, JobCancelled) and self._saver.is_cancelled

    def _outcome(self, error: BaseException | None) -> dict[str, Any]:
        state, public = JobState.COMPLETE, ""
        if isinstance(error, Exception) and not isinstance(error, JobCancelled):
            state, public = JobState.FAILED, job_rows.public_error_of(error)
        elif error is not None:
            state = JobState.CANCELLED
        return {"state": state, "error": public, "seconds_left": None, "ended_at": timezone.now()}


def cancel_job(job: object, **owner: Any) -> None:
    """Cancel a job, once the present transaction commits."""
    worker = job_rows.cancel(job_rows.parse_key(job), **owner)
    if worker is not None:
        stop_on_commit(worker, job_rows.job_database())
