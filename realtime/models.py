"""Models: the change log's tables."""

from __future__ import annotations

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
    call = models.CharField(max_length=64, default="")  # the id of the client's call that caused it
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
