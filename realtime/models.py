"""Models: the tables of the change log, of presence, and of the calls that have run."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Change(models.Model):
    """One row of the log: which object changed, and the values by which it finds its live queries."""

    class Operation(models.TextChoices):
        INSERT = "i"
        UPDATE = "u"
        DELETE = "d"
        LINK = "l"  # a row of a many-to-many relation of the object came, went or changed
        REREAD = "r"  # more rows of the model changed than are listed
        ACCESS = "a"  # someone's access is to be asked again

    id = models.BigAutoField(primary_key=True)
    model = models.CharField(max_length=200)  # its label in lower case: "board.task"
    key = models.CharField(max_length=500)  # the primary key as text
    operation = models.CharField(max_length=1, choices=Operation)
    routing = models.TextField(null=True)  # noqa: DJ001 - JSON of values by field name; null: unknown, concerns all
    transaction = models.BigIntegerField(null=True)  # PostgreSQL: the writer's transaction id
    at = models.BigIntegerField()  # milliseconds since 1970, by the database's clock

    class Meta:
        indexes = [
            # none on `at`: ids are in its order but for moments, and every writer would pay for it
            models.Index(fields=["transaction"], name="realtime_change_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.model} {self.key}"


class Log(models.Model):
    """The state of the log of one database, in a single row.

    `epoch` names the log's life: a flushed or restored log gets another one. Changes up to `pruned` (an id), and of
    transactions up to `pruned_transaction`, have been deleted.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=16)
    pruned = models.BigIntegerField(default=0)
    pruned_transaction = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "logs"

    def __str__(self) -> str:
        return self.epoch


class Server(models.Model):
    """A server process in which people are present. Its lease is renewed while it lives."""

    id = models.CharField(max_length=32, primary_key=True)
    expires = models.BigIntegerField()  # milliseconds since 1970, by the database's clock

    def __str__(self) -> str:
        return self.id


class Process(models.Model):
    """What a server process that has clients says of itself, every few seconds."""

    id = models.CharField(max_length=32, primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    uptime = models.FloatField()  # seconds, when it reported
    heard = models.BigIntegerField()  # milliseconds since 1970, by the database's clock
    figures = models.JSONField()

    class Meta:
        verbose_name = "server process"
        verbose_name_plural = "server processes"
        default_permissions = ("view",)
        permissions = [("end_connection", "Can end connections of clients")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Probe(models.Model):
    """A row that `realtime_doctor` makes, changes and takes away again."""

    key = models.CharField(max_length=200)
    text = models.CharField(max_length=50)
    at = models.BigIntegerField()  # seconds since 1970

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.text


class Presence(models.Model):
    """One person at one place, a stream with parameters; however many pages they have open, and wherever."""

    place = models.CharField(max_length=40)  # a digest of stream and parameters, which finds both
    stream = models.CharField(max_length=200)
    params = models.JSONField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    data = models.JSONField(default=dict)  # what they last said of themselves: the card that they edit
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "presences"
        constraints = [models.UniqueConstraint(fields=["place", "user"], name="realtime_presence_once")]

    def __str__(self) -> str:
        return f"{self.user} at {self.stream}"

    @property
    def name(self) -> str:
        """What the person is called."""
        return str(getattr(self.user, "get_full_name", str)() or self.user.get_username())


class Seat(models.Model):
    """A server process that somebody is present through; the last seat to go takes the presence with it."""

    presence = models.ForeignKey(Presence, models.CASCADE, related_name="seats")
    server = models.ForeignKey(Server, models.CASCADE, related_name="seats")
    data = models.JSONField(default=dict)
    said = models.BigIntegerField(default=0)  # when, in milliseconds since 1970: the newest data is shown

    class Meta:
        constraints = [models.UniqueConstraint(fields=["presence", "server"], name="realtime_seat_once")]

    def __str__(self) -> str:
        return f"{self.presence_id} on {self.server_id}"


class Operation(models.Model):
    """A client's call that has run: it does not run again, and its reply is given again.

    It is written in the action's own transaction, so that it is there exactly when the action's effects are.
    """

    key = models.CharField(max_length=64, primary_key=True)  # a digest of who called, and of the call's id
    content = models.CharField(max_length=64)  # a digest of what was called, with which arguments
    reply = models.TextField()  # JSON; empty while the action runs, which nobody else sees
    at = models.BigIntegerField()  # milliseconds since 1970

    class Meta:
        indexes = [models.Index(fields=["at"], name="realtime_operation_at")]

    def __str__(self) -> str:
        return self.key
