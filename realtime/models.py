"""Models: the tables of the change log, presence, completed calls, live texts, jobs, notifications and markers."""

from __future__ import annotations

import uuid

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

HAS_USERS = settings.AUTH_USER_MODEL.partition(".")[0] in {config.label for config in apps.get_app_configs()}
"""Whether the project has a user model. Presence needs one; without it, the column is a placeholder."""


class Change(models.Model):
    """One change in the log: the object, and the field values that route the change to its live queries."""

    class Kind(models.TextChoices):
        INSERT = "i"
        UPDATE = "u"
        DELETE = "d"
        LINK = "l"  # a row of one of the object's many-to-many tables was inserted, updated or deleted
        REREAD = "r"  # unlisted rows of the model changed too: live queries are reloaded
        ACCESS = "a"  # a user's access must be authorized again

    id = models.BigAutoField(primary_key=True)
    model = models.CharField(max_length=200)  # the model's label in lower case: "board.task"
    key = models.CharField(max_length=500)  # the primary key as text
    operation = models.CharField(max_length=1, choices=Kind)
    routing = models.TextField(null=True)  # noqa: DJ001 - JSON: values by field name; null: unknown, routes to all
    transaction = models.BigIntegerField(null=True)  # PostgreSQL: the writer's transaction id
    at = models.BigIntegerField()  # milliseconds since 1970, by the database's clock

    class Meta:
        indexes = [
            # none on `at`: ids are nearly in its order, and every write would pay for the index
            models.Index(
                fields=["transaction"], name="realtime_change_transaction"
            ),  # the migration makes it for PostgreSQL
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.model} {self.key}"


class Log(models.Model):
    """The state of the log of one database, in a single row.

    `epoch` identifies the log; a flushed or restored log gets a new one. Changes up to the id `pruned`, and those of
    transactions up to `pruned_transaction`, have been deleted. On MySQL, the search for the current
    position starts at `checkpoint`.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=16)
    pruned = models.BigIntegerField(default=0)
    pruned_transaction = models.BigIntegerField(default=0)
    checkpoint = models.TextField(default="")

    class Meta:
        verbose_name_plural = "logs"

    def __str__(self) -> str:
        return self.epoch


class Server(models.Model):
    """A server process that has present users. It renews its lease as long as it runs."""

    id = models.CharField(max_length=32, primary_key=True)
    expires = models.BigIntegerField()  # milliseconds since 1970, by the database's clock

    def __str__(self) -> str:
        return self.id


class Process(models.Model):
    """The latest status report of a server process that has clients."""

    id = models.CharField(max_length=32, primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    uptime = models.FloatField()  # seconds, at the time of the report
    heard = models.BigIntegerField()  # milliseconds since 1970, by the database's clock
    figures = models.JSONField()

    class Meta:
        verbose_name = "server process"
        verbose_name_plural = "server processes"
        default_permissions = ("view",)
        permissions = [("end_connection", "Can end connections of clients")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


PROBE_STREAM = "realtime.probe"


class Probe(models.Model):
    """A row that `realtime_doctor` inserts, updates and deletes."""

    key = models.CharField(max_length=200)
    text = models.CharField(max_length=50)
    at = models.BigIntegerField()  # seconds since 1970

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.text


class Presence(models.Model):
    """A user who is present at a stream with parameters: one row, however many pages the user has open."""

    place = models.CharField(max_length=40)  # a digest of stream and parameters
    stream = models.CharField(max_length=200)
    params = models.JSONField()
    if HAS_USERS:
        user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    else:
        user = models.CharField(max_length=1)  # always empty
    data = models.JSONField(default=dict)  # the data that the user's client sent last
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "presences"
        constraints = [models.UniqueConstraint(fields=["place", "user"], name="realtime_presence_once")]

    def __str__(self) -> str:
        return f"{self.user} at {self.stream}"

    @property
    def name(self) -> str:
        """The user's full name, or the username if there is none."""
        return str(getattr(self.user, "get_full_name", str)() or self.user.get_username())


class Seat(models.Model):
    """A server process that holds connections of a present user. Deleting the last seat ends the presence."""

    presence = models.ForeignKey(Presence, models.CASCADE, related_name="seats")
    server = models.ForeignKey(Server, models.CASCADE, related_name="seats")
    data = models.JSONField(default=dict)
    said = models.BigIntegerField(default=0)  # when `data` was set, in milliseconds since 1970; the newest is shown

    class Meta:
        constraints = [models.UniqueConstraint(fields=["presence", "server"], name="realtime_seat_once")]

    def __str__(self) -> str:
        return f"{self.presence_id} on {self.server_id}"


class Operation(models.Model):
    """A completed call: repeating it returns the stored reply and does not run the action again.

    It is written in the action's transaction, so both commit or neither does. The idea is Stripe's idempotency keys.
    """

    key = models.CharField(max_length=64, primary_key=True)  # a digest of the caller and the call's id
    content = models.CharField(max_length=64)  # a digest of the action and its arguments
    reply = models.TextField()  # JSON; empty while the action runs, invisible to other transactions
    at = models.BigIntegerField()  # milliseconds since 1970

    class Meta:
        indexes = [models.Index(fields=["at"], name="realtime_operation_at")]

    def __str__(self) -> str:
        return self.key


class TextLease(models.Model):
    """The writer of a live text, or of a job. It renews the lease while it runs; one whose lease expires is dead."""

    id = models.CharField(max_length=48, primary_key=True)  # a digest of model, key and field: one writer for each
    model = models.CharField(max_length=200)  # the model's label in lower case
    key = models.CharField(max_length=500)  # the primary key as text
    field = models.CharField(max_length=200)
    state_field = models.CharField(max_length=200)  # empty if the state is not stored
    writer = models.CharField(max_length=32)
    expires = models.BigIntegerField()  # milliseconds since 1970, by the database's clock
    stop = models.BooleanField(default=False)  # somebody has asked the writer to stop

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.field} of {self.model} {self.key}"


class JobState(models.TextChoices):
    """What has become of a job."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    COMPLETE = "complete", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


JOB_STREAM = "realtime.jobs"
NOTIFICATION_STREAM = "realtime.notifications"

ENDED_STATES = (JobState.COMPLETE, JobState.FAILED, JobState.CANCELLED)


class Job(models.Model):
    """Work in the background. Its user sees the progress, which `realtime.job` writes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # known before the row is
    if HAS_USERS:
        user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    else:
        user = models.CharField(max_length=1)  # always empty
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=JobState, default=JobState.QUEUED)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)  # null: unknown
    seconds_left = models.IntegerField(null=True)  # as the worker estimated; null: unknown
    cancel_requested = models.BooleanField(default=False)
    result = models.TextField(default="")
    result_url = models.TextField(default="")
    error = models.TextField(default="")  # what its user may know of a failure
    worker_died = models.BooleanField(default=False)  # why it has failed
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["user", "created_at"], name="realtime_job_of_user")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_ended(self) -> bool:
        """Whether it is complete, failed or cancelled."""
        return self.state in ENDED_STATES

    @property
    def percent(self) -> int | None:
        """How much is done, from 0 to 100; None if the total is unknown."""
        if self.state == JobState.COMPLETE:
            return 100
        return None if self.total is None else min(100, 100 * self.done // max(self.total, 1))

    @property
    def time_left(self) -> str:
        """A sentence with the time that is left, in the active language; empty if it is unknown."""
        if self.seconds_left is None or self.state != JobState.RUNNING:
            return ""
        if self.seconds_left < 10:
            return gettext("A few seconds left")
        if self.seconds_left < 60:
            return gettext("%(number)d s left") % {"number": round(self.seconds_left, -1)}
        if self.seconds_left < 3570:
            return gettext("%(number)d min left") % {"number": round(self.seconds_left / 60)}
        return gettext("%(number)d h left") % {"number": round(self.seconds_left / 3600)}


class NotificationLevel(models.TextChoices):
    """How much a notification matters."""

    INFO = "info", _("Information")
    SUCCESS = "success", _("Success")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")


class Notification(models.Model):
    """A sentence for one user, who sees it on every page that shows notifications. `realtime.notify` writes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    if HAS_USERS:
        user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    else:
        user = models.CharField(max_length=1)  # always empty
    text = models.TextField()
    level = models.CharField(max_length=7, choices=NotificationLevel, default=NotificationLevel.INFO)
    url = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)  # null: the user dismisses it

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["user", "created_at"], name="realtime_notification_of_user")]

    def __str__(self) -> str:
        return self.text

    @property
    def is_kept(self) -> bool:
        """Whether it stays until its user dismisses it."""
        return self.expires_at is None


class ReadMarker(models.Model):
    """How far a user has seen the rows of a stream with `unread_by`, with parameters. It only moves forwards."""

    place = models.CharField(max_length=40)  # a digest of stream and parameters
    stream = models.CharField(max_length=200)
    if HAS_USERS:
        user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    else:
        user = models.CharField(max_length=1)  # always empty
    value = models.BigIntegerField()  # a key, or microseconds since 1970
    moved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "place"], name="realtime_read_marker_once")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.stream}: {self.value}"

    @property
    def position(self) -> str:
        """The value as text, since JavaScript rounds large numbers."""
        return str(self.value)
