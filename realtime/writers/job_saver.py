"""JobSaver: saves the progress of one job, in a thread with a database connection of its own.

So the worker may be in a transaction of any length: users see its progress at once, the transaction locks no row of
the job, and an error while saving neither reaches the worker nor spoils its transaction. A second connection does not
work in two cases: in a transaction on SQLite, which has one writer at a time, and in that of Django's `TestCase`.
There, the worker's own connection saves, in savepoints, and users see what it has saved when the transaction ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, connections, transaction

from realtime.actions import job_rows, text_leases
from realtime.actions.job_rows import JobTarget
from realtime.actions.text_leases import RENEW_SECONDS
from realtime.exceptions import JobError, TextLost
from realtime.hub.pubsub.event_bus import carrier
from realtime.models import Job
from realtime.writers.stop_listener import get_stop_listener

logger = logging.getLogger("realtime.log")

SAVE_SECONDS = 0.4  # at least, between two saves
LOOK_SECONDS = 1.0  # between two checks for a cancellation, if nothing carries messages between processes
BEGIN_SECONDS = 2.0  # how long the worker waits for its row
FINISH_SECONDS = 5.0  # how long it waits until its end is saved
GIVE_UP_SECONDS = 60.0  # how long the thread tries to save the end


class JobSaver:
    """Saves what `values` returns, and holds the lease. One for each run of a job."""

    def __init__(
        self, target: JobTarget, begin: Callable[[str], bool], values: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.writer = uuid4().hex
        self.is_cancelled = False
        self._target = target
        self._begin = begin
        self._values = values
        self._saved: Mapping[str, Any] = {}
        self._saved_at = self._renewed = 0.0  # by the monotonic clock
        self._is_running = False  # the row says so, and the lease is this writer's
        self._refusal: JobError | None = None
        self._last: Mapping[str, Any] | None = None  # the values of the end
        self._thread: threading.Thread | None = None  # None: the worker's own connection saves
        self._saves_inline = False
        self._has_warned = False
        self._tried = threading.Event()  # the job has begun, or was refused
        self._news = threading.Event()
        self._ending = threading.Event()
        self._closed = threading.Event()  # nothing more is saved

    def start(self, *, is_async: bool) -> None:
        """Begin the job; continue without its row if the database does not answer. Raise `JobError`."""
        if _shares_transaction(self._target.name.alias):
            self._saves_inline = not is_async  # the event loop's thread must not use the database
            self._step(is_own=False)
        else:
            name = f"realtime job {self._target.name.key}"
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()
            if not self._tried.wait(BEGIN_SECONDS):
                self._warn("A job has begun, but its row could not be saved; trying again.")
        if self._refusal is not None:
            raise self._refusal
        if self._thread is not None and not self._closed.is_set():
            get_stop_listener().add(self, self._cancel, renews=False)
            self._news.set()  # somebody may have cancelled it before this process listened

    def wake(self) -> None:
        """Save soon."""
        if self._thread is not None:
            self._news.set()
        elif self._saves_inline and time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self._step(is_own=False)

    @property
    def is_due(self) -> bool:
        """Whether the lease must be renewed soon."""
        return time.monotonic() - self._renewed > RENEW_SECONDS

    def look(self) -> bool:
        """Look for a cancellation soon, in the thread."""
        self._news.set()
        return False

    def end_soon(self, values: Mapping[str, Any]) -> None:
        """Save these values too, and then nothing more. Do not wait."""
        get_stop_listener().remove(self)
        self._last = values
        self._ending.set()
        self._news.set()

    def finish(self, values: Mapping[str, Any]) -> None:
        """Like `end_soon`, but wait until it is saved, up to `FINISH_SECONDS`."""
        self.end_soon(values)
        connection = connections[self._target.name.alias]
        if self._thread is None or (connection.vendor == "sqlite" and connection.in_atomic_block):
            self._step(is_own=False)
            self._closed.set()  # also for the thread, which waits for this transaction
        elif not self._closed.wait(FINISH_SECONDS):
            self._warn("The end of a job could not be saved; trying again while the process runs.")

    def _cancel(self) -> None:
        self.is_cancelled = True

    def _work(self) -> None:
        give_up = None
        try:
            while True:
                self._step(is_own=True)
                if self._closed.is_set():
                    return
                if self._ending.is_set():
                    give_up = give_up or time.monotonic() + GIVE_UP_SECONDS
                    if time.monotonic() > give_up:
                        return
                    time.sleep(SAVE_SECONDS)
                    continue
                self._ending.wait(SAVE_SECONDS)
                if self._news.wait(RENEW_SECONDS if self._is_running and carrier() else LOOK_SECONDS):
                    self._news.clear()
        finally:
            get_stop_listener().remove(self)
            connections.close_all()  # of this thread

    def _step(self, *, is_own: bool) -> None:
        """Write what is new; `is_own`: over a connection of its own. The next step retries what has failed."""
        if self._closed.is_set():
            return
        alias = self._target.name.alias
        scope: AbstractContextManager[Any] = nullcontext() if is_own else transaction.atomic(using=alias)
        try:
            with scope:
                self._write()
        except JobError as refusal:
            self._refusal = refusal
            self._closed.set()
            if self._tried.is_set():
                self._warn("A job goes on without its row: %s", refusal)
        except Exception as error:  # nothing of this may reach the worker
            self._fail(error, is_own=is_own)
        if self._is_running or self._closed.is_set():
            self._tried.set()

    def _fail(self, error: Exception, *, is_own: bool) -> None:
        if not self._tried.is_set() and isinstance(error, DatabaseError) and not self._is_table_there():
            self._refusal = JobError("The table of the jobs does not exist. Run `manage.py migrate realtime`.")
            self._closed.set()
            self._tried.set()
            return
        self._warn("The progress of a job could not be saved; trying again.", exc_info=error)
        if is_own:
            connections[self._target.name.alias].close()

    def _is_table_there(self) -> bool:
        try:
            return Job._meta.db_table in connections[self._target.name.alias].introspection.table_names()
        except Exception:  # no answer either
            return True

    def _write(self) -> None:
        if not self._is_running:
            was_cancelled = self._begin(self.writer)
            self._renewed = time.monotonic()
            self._is_running = True
            self._begin = self._resume
            if was_cancelled:
                self.is_cancelled = True
                self._closed.set()  # the row says so, and nobody holds the lease
                return
        try:
            self._save()
        except TextLost:  # the lease has expired, as in a suspended machine
            self._is_running = False

    def _resume(self, writer: str) -> bool:
        if not job_rows.resume(self._target, writer):
            raise JobError("it was deleted, or another worker runs it.")
        return False

    def _save(self) -> None:
        values = dict(self._values())
        self._saved_at = time.monotonic()
        if self._last is not None:
            text_leases.finish_values(self._target, self.writer, {**values, **self._last})
            self._closed.set()
            return
        is_due = self.is_due
        if values != self._saved:
            stop = text_leases.save_values(self._target, self.writer, values, renew=is_due)
        elif is_due:
            stop = text_leases.renew(self._target, self.writer)
        else:
            stop = text_leases.is_stopped(self._target, self.writer)
        self._saved = values
        self.is_cancelled |= stop
        if is_due:
            self._renewed = time.monotonic()

    def _warn(self, message: str, *args: object, exc_info: BaseException | None = None) -> None:
        """Log a warning: one for each job, since it may be tried again for hours."""
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        fields = {"log": self._target.name.alias}
        logger.log(level, message, *args, exc_info=exc_info, extra=fields)


def _shares_transaction(alias: str) -> bool:
    """Return whether the transaction of this thread rules out a second connection."""
    connection = connections[alias]
    if not connection.in_atomic_block:
        return False
    if connection.vendor == "sqlite":
        return True
    try:
        with transaction.atomic(using=alias, durable=True):
            return True  # only a TestCase's transaction allows a durable block
    except RuntimeError:
        return False
