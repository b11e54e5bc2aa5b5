"""Rows of Django models, live in the browser.

The path of a change, and the package of each step:

    capture                   notices the change, in the ORM or by triggers
    changelog                 records it in the writer's transaction; after the commit, hub/pubsub wakes the hubs
    hub                       reads it, once per process; queries finds the affected live queries, reads their changed
                              rows and encodes them once
    connections               delivers it; protocol's ClientSession decides what each client may be sent
    connections/transports    carry it: WebSocket, Server-Sent Events, long-poll
    static                    the JavaScript client applies the whole frame

The path of a call goes back: transports, connections, actions, the stream's method, the ORM, and so to capture.

streams holds the base classes of the project's declarations. auth identifies clients and authorizes them.
hub/presence_tracker tracks present users. actions/events validates ephemeral events, and hub/pubsub carries them.
writers writes live texts, and saves the progress of jobs. hub/pubsub carries new text, and hub/text_relay passes it to
the clients that show it.

The names are loaded lazily. So this module can be imported before Django's apps are ready, and `realtime.client` does
not need Django.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from django.db.models import Model

    from realtime.exceptions import (
        ActionError,
        BadParameters,
        ClientError,
        EventTooLarge,
        Forbidden,
        InvalidArguments,
        JobBusy,
        JobCancelled,
        JobError,
        LiveTextError,
        NotFound,
        RealtimeError,
        Refusal,
        StreamDefinitionError,
        TextBusy,
        TextLost,
        TextStopped,
        UnknownAction,
        UnknownEvent,
        UnknownStream,
    )
    from realtime.models import Job
    from realtime.streams.decorators import action, event, live_value
    from realtime.streams.presence import PresenceStream
    from realtime.streams.registry import register
    from realtime.streams.stream import ModelStream
    from realtime.writers.job_run import JobRun
    from realtime.writers.text_writer import LiveText
else:  # at runtime only: a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES.get(name, "realtime.exceptions")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


_MODULES = {
    "ModelStream": "realtime.streams.stream",
    "PresenceStream": "realtime.streams.presence",
    "action": "realtime.streams.decorators",
    "event": "realtime.streams.decorators",
    "live_value": "realtime.streams.decorators",
    "register": "realtime.streams.registry",
}

__version__ = "0.1.0"

_T = TypeVar("_T")


async def _in_thread(function: Callable[..., _T], *args: object, **options: object) -> _T:
    from asgiref.sync import sync_to_async  # which comes with Django

    return await sync_to_async(function)(*args, **options)


def revoke(user: object) -> None:
    """Authorize a user's subscriptions again, in every process, within a second.

    Call it when access changes for a reason outside the database. Logout, password, `is_active`, groups, permissions
    and the models in `authorize_depends_on` are noticed without it. `user` is a user or a primary key. Subscriptions
    that `authorize` now refuses end, and their rows leave the page.

        blocklist.add(user)
        realtime.revoke(user)
    """
    from realtime.capture import access  # reaches models

    access.revoke(user)


async def arevoke(user: object) -> None:
    """Like `revoke`, for async code."""
    await _in_thread(revoke, user)


def touch(queryset: object) -> None:
    """Reload rows after a write that `REALTIME_CAPTURE` does not see, such as raw SQL.

    `queryset` selects the changed rows. Call it in the transaction of the write, or right after it. After deletions,
    pass all rows (`Task.objects.all()`). Raise `TypeError` if `queryset` is not a QuerySet.

        with connection.cursor() as cursor:
            cursor.execute("UPDATE board_task SET done = true WHERE project_id = 7")
        realtime.touch(Task.objects.filter(project=7))
    """
    from realtime.capture.touch import touch  # reaches models

    touch(queryset)


async def atouch(queryset: object) -> None:
    """Like `touch`, for async code."""
    await _in_thread(touch, queryset)


_EVERYONE: object = object()


def send_event(
    stream: str, params: Mapping[str, object], name: str, data: object = None, *, audience: object = _EVERYONE
) -> None:
    """Send an event to all current subscribers of a live query, from any process. It may be lost.

    `data` is any JSON value up to 8 KiB. `audience` restricts the event to users with this value of the stream's
    `audience`. The call returns at once and does not report delivery. In a transaction, send it with `on_commit`. It
    reaches other processes through a channel layer on Redis, or through PostgreSQL. Raise `UnknownStream`,
    `BadParameters` or `EventTooLarge`.

        realtime.send_event("tasks", {"project": 7}, "imported", {"count": 120})
    """
    from realtime.actions.events import EVERYONE, event_for  # reaches models
    from realtime.hub.pubsub.event_bus import publish

    narrowed = EVERYONE if audience is _EVERYONE else audience
    publish(event_for(stream, params, name, data, audience=narrowed))


async def asend_event(
    stream: str, params: Mapping[str, object], name: str, data: object = None, *, audience: object = _EVERYONE
) -> None:
    """Like `send_event`, for async code."""
    send_event(stream, params, name, data, audience=audience)


def send_user_event(user: object, name: str, data: object = None) -> None:
    """Send an event to all connected pages of a user, from any process. It may be lost.

    `user` is a user or a primary key. `data` is as in `send_event`.

        realtime.send_user_event(request.user, "toast", {"text": "Your export is ready."})
    """
    from realtime.actions.events import user_event  # reaches models
    from realtime.hub.pubsub.event_bus import publish

    publish(user_event(user, name, data))


async def asend_user_event(user: object, name: str, data: object = None) -> None:
    """Like `send_user_event`, for async code."""
    send_user_event(user, name, data)


def live_text(instance: Model, field: str, *, state_field: str = "", save_seconds: float = 0.25) -> LiveText:
    """Write a text that readers see grow: an answer of a language model, the log of a job, a transcript.

    Use it with `with`, or with `async with`. The block gets a writer, which appends to the text field `field` of
    `instance`. Readers of live queries that show the field see new text within a few hundredths of a second. The row
    is saved every `save_seconds` and at the end, so if the process dies, the row has a prefix of the text.
    `state_field` names a `CharField` that holds "streaming", and then "complete", "cancelled" (if it was stopped) or
    "failed" (if the block raised an exception, or the process died).

    Raise `LiveTextError` if the object has no row, if the fields do not fit, or in a transaction. Raise `TextBusy` if
    another writer writes this text. If somebody stops the text, `write` raises `TextStopped`, which the `with` block
    handles. In async code, the block ends at its next `await`.

        async with realtime.live_text(message, "text", state_field="state") as out:
            async for token in model.stream(prompt):
                await out.write(token)
    """
    from realtime.writers.text_writer import LiveText  # reaches models

    return LiveText(instance, field, state_field=state_field, save_seconds=save_seconds)


def stop_text(instance: Model, field: str) -> bool:
    """Ask the writer of a live text to stop, in whatever process it runs; return whether there is one.

    The writer stops within a few hundredths of a second if PostgreSQL or Redis connects the processes, otherwise when
    it saves next. The written text stays. Call this function in an action, in a view or in a shell; in a transaction,
    the writer stops after the commit.

        @action
        def stop(self, user, pk: int):
            realtime.stop_text(self.get_queryset(**self.params).get(pk=pk), "text")
    """
    from realtime.writers.text_writer import stop_text  # reaches models

    return stop_text(instance, field)


async def astop_text(instance: Model, field: str) -> bool:
    """Like `stop_text`, for async code."""
    return await _in_thread(stop_text, instance, field)


def job(user: object, name: str, *, total: int | None = None) -> JobRun:
    """Run a job; its user sees the progress, and can cancel it.

    Use it with `with`, or with `async with`, in a task, a management command or a thread. The block gets a
    `JobProgress`, which never waits: call `advance(by=1)`, set `done`, `total`, `result` or `result_url`, and read
    `cancelled` or `pk`. A thread saves it over a database connection of its own, at most three times a second. So the
    user sees progress even during a transaction, and database errors while saving are logged, not raised. `user` is a
    user or a primary key. `name` is shown to the user; `total` is the amount of work, in any unit.

    At the end of the block, the job is complete. It has failed if the block raises an exception (the user sees only
    the sentence of an `ActionError` or a `ValidationError`), or 15 seconds after the process has died. If it was
    cancelled, `advance` raises `JobCancelled`, which the `with` block handles.

    Raise `JobError` if the user or the table of jobs does not exist.

        with realtime.job(user, "Import", total=len(lines)) as job:
            for line in lines:
                import_line(line)
                job.advance()
            job.result = f"{len(lines)} lines imported."
    """
    from realtime.writers.job_run import JobRun  # reaches models

    return JobRun.of_new(user, name, total)


def queue_job(user: object, name: str, *, total: int | None = None) -> Job:
    """Insert a job that a worker will run, and return it. The user sees it as queued. Raise `JobError`.

    The row is part of the current transaction. The arguments are as for `job`. Start the task when it commits:

        job = realtime.queue_job(request.user, "Import")
        transaction.on_commit(partial(import_lines.delay, job.pk))
    """
    from realtime.actions.job_rows import queue  # reaches models

    return queue(user, name, total)


async def aqueue_job(user: object, name: str, *, total: int | None = None) -> Job:
    """Like `queue_job`, for async code."""
    return await _in_thread(queue_job, user, name, total=total)


def run_job(job: object, *, total: int | None = None) -> JobRun:
    """Run a queued job, or run a job again. Otherwise it is like `job`.

    `job` is a job or its primary key. If it was already cancelled, the first `advance` raises `JobCancelled`. Raise
    `JobError` if there is no such job, and `JobBusy` if another worker runs it.

        @shared_task
        def import_lines(pk):
            with realtime.run_job(pk, total=1000) as job:
                ...
    """
    from realtime.writers.job_run import JobRun  # reaches models

    return JobRun.of_queued(job, total)


def cancel_job(job: object) -> None:
    """Cancel a job, whatever process it runs in, when the current transaction commits.

    `job` is a job or its primary key. A job that has ended does not change. The button in a page needs no call. Raise
    `JobError` if `job` is not a job, and `ObjectDoesNotExist` if it was deleted.
    """
    from realtime.writers.job_run import cancel_job  # reaches models

    cancel_job(job)


async def acancel_job(job: object) -> None:
    """Like `cancel_job`, for async code."""
    await _in_thread(cancel_job, job)


def notify(user: object, text: str, *, level: str = "info", url: str = "", keep: bool = False) -> None:
    """Show a sentence to a user, on every open page that has `{% live_notifications %}`.

    It is a row: it is shown when the current transaction commits, survives redirects and reloads, and can be sent from
    any process. It disappears after ten seconds. With `keep=True`, it stays until the user dismisses it, and
    `{% live_notification_count %}` counts it. `user` is a user or a primary key. `text` is escaped. `level` is "info",
    "success", "warning" or "error". `url` makes it a link: a path, or a URL that begins with http: or https:.

    Raise `ValueError` for any other level or URL, or if there is no such user.

        realtime.notify(request.user, "Your export is ready.", url="/exports/7.csv", keep=True)
    """
    from realtime.actions.notification_rows import insert  # reaches models

    insert(user, text, level=level, url=url, keep=keep)


async def anotify(user: object, text: str, *, level: str = "info", url: str = "", keep: bool = False) -> None:
    """Like `notify`, for async code."""
    await _in_thread(notify, user, text, level=level, url=url, keep=keep)


def mark_read(user: object, stream: str, params: Mapping[str, object] | None = None) -> None:
    """Mark all rows of a stream with `unread_by` as seen by a user, as a page does when it shows the newest row.

    `user` is a user. The marker is saved in the current transaction. Raise `UnknownStream`, `BadParameters`, or
    `Forbidden` if the user may not see the stream.

        realtime.mark_read(request.user, "messages", {"room": room.pk})
    """
    from realtime.actions.read_markers import mark_read  # reaches models

    mark_read(user, stream, params or {})


async def amark_read(user: object, stream: str, params: Mapping[str, object] | None = None) -> None:
    """Like `mark_read`, for async code."""
    await _in_thread(mark_read, user, stream, params)


__all__ = [
    "ActionError",
    "BadParameters",
    "ClientError",
    "EventTooLarge",
    "Forbidden",
    "InvalidArguments",
    "JobBusy",
    "JobCancelled",
    "JobError",
    "LiveTextError",
    "ModelStream",
    "NotFound",
    "PresenceStream",
    "RealtimeError",
    "Refusal",
    "StreamDefinitionError",
    "TextBusy",
    "TextLost",
    "TextStopped",
    "UnknownAction",
    "UnknownEvent",
    "UnknownStream",
    "acancel_job",
    "action",
    "amark_read",
    "anotify",
    "aqueue_job",
    "arevoke",
    "asend_event",
    "asend_user_event",
    "astop_text",
    "atouch",
    "cancel_job",
    "event",
    "job",
    "live_text",
    "live_value",
    "mark_read",
    "notify",
    "queue_job",
    "register",
    "revoke",
    "run_job",
    "send_event",
    "send_user_event",
    "stop_text",
    "touch",
]
