"""JobProgress: what a worker reports about its job, without waiting: a thread saves it a few times a second."""

from __future__ import annotations

import operator
import time
from typing import Any
from uuid import UUID

from realtime.actions.links import link_problem
from realtime.actions.storable import storable_number, storable_text
from realtime.exceptions import JobCancelled, JobError
from realtime.writers.job_saver import JobSaver

LONGEST_SECONDS = 365 * 24 * 3600  # of an estimate


class JobProgress:
    """A running job, as `with realtime.job(…) as job` returns it. Its methods do not wait."""

    def __init__(self, key: UUID, total: int | None, saver: JobSaver) -> None:
        self._key = key
        self._saver = saver
        self._done = 0
        self._total = storable_number(total)
        self._result = self._result_url = ""
        self._began = time.monotonic()

    @property
    def pk(self) -> UUID:
        """The primary key of the job's row."""
        return self._key

    @property
    def done(self) -> int:
        """How much is done. Setting it is like `advance`, but it does not raise `JobCancelled`."""
        return self._done

    @done.setter
    def done(self, done: int) -> None:
        self._done = storable_number(operator.index(done)) or 0
        self._saver.wake()

    @property
    def total(self) -> int | None:
        """How much work there is; None if it is unknown."""
        return self._total

    @total.setter
    def total(self, total: int | None) -> None:
        self._total = None if total is None else storable_number(operator.index(total))
        self._saver.wake()

    def note_total(self, total: int | None) -> None:
        """Take the total with which the job was queued, if there is no other."""
        if self._total is None:
            self._total = total

    @property
    def result(self) -> str:
        """What the page shows when the job is complete."""
        return self._result

    @result.setter
    def result(self, result: str) -> None:
        self._result = storable_text(result)
        self._saver.wake()

    @property
    def result_url(self) -> str:
        """A link to the result: a path, or an address that begins with http: or https:. Others raise `JobError`."""
        return self._result_url

    @result_url.setter
    def result_url(self, url: str) -> None:
        if problem := link_problem(url):
            raise JobError(problem)
        self._result_url = str(url)
        self._saver.wake()

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the job; the next `advance` raises `JobCancelled`."""
        return self._saver.is_cancelled

    def advance(self, by: int = 1) -> None:
        """Report more work as done, as often as you like. Raise `JobCancelled` if somebody has cancelled the job."""
        if self._saver.is_cancelled:
            raise JobCancelled("The job was cancelled.")
        self.done = self._done + by

    def values(self) -> dict[str, Any]:
        """Return the fields of the row."""
        done, total = self._done, self._total
        left = None
        if total is not None and done:
            seconds = (time.monotonic() - self._began) * max(0, total - done) / done
            left = round(min(seconds, LONGEST_SECONDS))
        return {
            "done": done,
            "total": total,
            "seconds_left": left,
            "result": self._result,
            "result_url": self._result_url,
        }
