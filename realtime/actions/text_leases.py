"""Text leases: only the writer that holds the lease of a live text, or of a job, saves it.

A lease is a row of a separate table, so two writers exclude each other across processes. The writer renews it. When
it has expired, its writer counts as dead: the hub of any server process marks what it wrote as failed, and the next
writer may begin.

To avoid deadlocks, locks are taken in one order: the lease, then the row. SQLite has no row locks, and refuses a write
in a transaction that began with a read if another one has written meanwhile. There, the row is written first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connections, models, router, transaction
from django.db.models import F, Model

from realtime.capture.touch import touch_rows
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.idempotency import digest
from realtime.conf import settings
from realtime.exceptions import LiveTextError, TextBusy, TextLost
from realtime.models import TextLease
from realtime.protocol.live_text import TextName
from realtime.protocol.patches import units
from realtime.streams.keys import key_of, parse_keys

LEASE_SECONDS = 15.0  # a writer that has not renewed its lease for so long counts as dead
RENEW_SECONDS = LEASE_SECONDS / 3

STREAMING, COMPLETE, CANCELLED, FAILED = "streaming", "complete", "cancelled", "failed"


@dataclass(frozen=True)
class LeaseTarget:
    """What the holder of a lease writes: a field of a row, and the field for its state, if there is one."""

    name: TextName
    model: type[Model]
    field: models.Field[Any, Any]
    state_field: str

    is_announced: ClassVar = True  # the writer tells each hub when it begins
    death: ClassVar = ""  # the log's message about a dead writer, with the parts of `name`

    @property
    def id(self) -> str:
        """The key of the lease."""
        return lease_id(self.name)

    @property
    def row(self) -> Any:
        """The row, as a QuerySet."""
        pks = parse_keys(self.model, [self.name.key])
        return self.model._base_manager.using(self.name.alias).filter(pk__in=pks)

    def fail(self) -> int | None:
        """Mark the row as failed; return the saved length of its live text, or None if it is no text."""
        raise NotImplementedError


class TextTarget(LeaseTarget):
    """A text field of a row, and the field for the state of its live text, if there is one."""

    death = "The writer of the field %(field)r of the %(model)s %(key)s is dead; its live text is marked as failed."

    def fail(self) -> int:
        if self.state_field and self.row.filter(**{self.state_field: STREAMING}).exists():
            update(self, {self.state_field: FAILED})
        return units(str(self.row.values_list(self.name.field, flat=True).first() or ""))


# The kinds of targets by the model's label; those of all other models are live texts.
kinds: dict[str, type[LeaseTarget]] = {}


def lease_id(name: TextName) -> str:
    return digest(name.model, name.key, name.field)


def name_of(instance: Model, field: str) -> TextName:
    """Return the name of an object's live text. Raise `LiveTextError` for an object that is not saved."""
    if instance._state.adding or instance.pk is None:
        raise LiveTextError(f"A live text needs a row: save the {type(instance).__name__} first.")
    model = type(instance)._meta.concrete_model or type(instance)
    alias = router.db_for_write(model, instance=instance)  # the object may come from a replica
    return TextName(alias, model._meta.label_lower, key_of(instance), field)


def target_of(instance: Model, field: str, state_field: str) -> TextTarget:
    """Return the target of a writer. Raise `LiveTextError` for a field that cannot have a live text."""
    name = name_of(instance, field)
    model = type(instance)._meta.concrete_model or type(instance)
    fields = {
        each.name: each
        for each in model._meta.concrete_fields
        if isinstance(each, models.CharField | models.TextField)
    }
    for wanted in (field, *([state_field] if state_field else [])):
        if wanted not in fields:
            raise LiveTextError(
                f"The model {model.__name__} has no text field {wanted!r}. Its text fields: {', '.join(fields)}."
            )
    longest = max(STREAMING, COMPLETE, CANCELLED, FAILED, key=len)
    if state_field and (fields[state_field].max_length or len(longest)) < len(longest):
        raise LiveTextError(f"The field {state_field!r} is too short for {longest!r}: set max_length={len(longest)}.")
    if connections[name.alias].vendor not in BACKENDS:
        raise LiveTextError(
            f"Live texts need SQLite, PostgreSQL, MySQL or MariaDB; {name.alias!r} is another database."
        )
    return TextTarget(name, model, fields[field], state_field)


def acquire(target: TextTarget, writer: str) -> str:
    """Acquire the lease, mark the text as streaming, and return the current text.

    Raise `TextBusy`; `TextLost` if the row does not exist; `LiveTextError` in a transaction, which hides the saves.
    """
    alias = target.name.alias
    try:
        with transaction.atomic(using=alias, durable=True):
            take_lease(target, writer)
            # also without a state field, so that each hub has the current row when the first words arrive
            if not update(target, {target.state_field: STREAMING} if target.state_field else {}):
                raise TextLost(f"There is no {target.model.__name__} {target.name.key}.")
            return str(target.row.values_list(target.name.field, flat=True).get() or "")
    except RuntimeError as error:
        if not connections[alias].in_atomic_block:
            raise
        raise LiveTextError(
            "A live text cannot be written in a transaction, since nobody sees what it saves before the end. "
            "Leave `atomic`, or start the writer in `transaction.on_commit`."
        ) from error


def take_lease(target: LeaseTarget, writer: str) -> None:
    """Take the lease, in a transaction. Raise `TextBusy`."""
    alias, now = target.name.alias, get_changelog(target.name.alias).now
    expires = get_changelog(alias).now_plus(LEASE_SECONDS)
    leases = TextLease.objects.using(alias)
    taken = {"writer": writer, "expires": expires, "stop": False, "state_field": target.state_field}
    if leases.filter(pk=target.id, expires__lt=now).update(**taken):  # its writer is dead
        return
    try:
        with transaction.atomic(using=alias):
            _, model, key, field = target.name
            leases.create(id=target.id, model=model, key=key, field=field, **taken)
    except IntegrityError:
        raise TextBusy(
            f"The field {target.name.field!r} of the {target.model.__name__} {target.name.key} is being written by "
            "another writer. Wait for its end, or stop it with realtime.stop_text()."
        ) from None


def save(target: TextTarget, writer: str, text: str, *, renew: bool) -> bool:
    """Save the text; return whether the writer was asked to stop. Raise `TextLost`."""
    return save_values(target, writer, {target.name.field: text}, renew=renew)


def save_values(target: LeaseTarget, writer: str, values: Mapping[str, Any], *, renew: bool) -> bool:
    """Save fields of the row; return whether the writer was asked to stop. Raise `TextLost`."""
    return _save(target, writer, values, lambda lease: _renew(lease, target) if renew else None)


def finish(target: TextTarget, writer: str, text: str, state: str) -> None:
    """Save the whole text with its state, and end the lease. Raise `TextLost`."""
    finish_values(
        target, writer, {target.name.field: text, **({target.state_field: state} if target.state_field else {})}
    )


def finish_values(target: LeaseTarget, writer: str, values: Mapping[str, Any]) -> None:
    """Save fields of the row, and end the lease. Raise `TextLost`."""
    _save(target, writer, values, lambda lease: lease.delete())


def release(target: LeaseTarget, writer: str) -> None:
    """End the lease, if it is this writer's."""
    _lease(target, writer).delete()


def renew(target: LeaseTarget, writer: str) -> bool:
    """Renew the lease; return whether the writer was asked to stop. Raise `TextLost`."""
    lease = _lease(target, writer)
    if not _renew(lease, target):
        raise _lost(target)
    return bool(lease.values_list("stop", flat=True).first())


def holds(target: LeaseTarget, writer: str) -> bool:
    """Return whether this writer has the lease."""
    return bool(_lease(target, writer).exists())


def is_stopped(target: LeaseTarget, writer: str) -> bool:
    """Return whether the writer was asked to stop."""
    return bool(_lease(target, writer).filter(stop=True).exists())


def _lease(target: LeaseTarget, writer: str) -> Any:
    return TextLease.objects.using(target.name.alias).filter(pk=target.id, writer=writer)


def _renew(lease: Any, target: LeaseTarget) -> int:
    return int(lease.update(expires=get_changelog(target.name.alias).now_plus(LEASE_SECONDS)))


def _save(target: LeaseTarget, writer: str, values: Mapping[str, Any], then: Callable[[Any], object]) -> bool:
    alias = target.name.alias
    lease = _lease(target, writer)
    locks = connections[alias].features.has_select_for_update
    with transaction.atomic(using=alias):
        stop = lease.select_for_update().values_list("stop", flat=True).first() if locks else None
        if locks and stop is None:
            raise _lost(target)
        if not update(target, values):
            raise _lost(target)
        if not locks and (stop := lease.values_list("stop", flat=True).first()) is None:
            raise _lost(target)  # rolls back the write
        then(lease)
    return bool(stop)


def _lost(target: LeaseTarget) -> TextLost:
    return TextLost(
        f"The field {target.name.field!r} of the {target.model.__name__} {target.name.key} is not this writer's any "
        "more: the row was deleted, or the writer was silent for too long."
    )


def update(target: LeaseTarget, values: Mapping[str, Any]) -> int:
    """Update the row, or report it as changed if there are no values; return the number of rows."""
    rows: Any = target.row
    found = int(rows.update(**values) if values else rows.count())
    if found and (settings.CAPTURE == "signals" or not values):  # an update sends no signal
        touch_rows(rows)
    return found


def request_stop(name: TextName) -> str | None:
    """Ask the writer of a live text to stop; return its id, or None if it has no writer."""
    leases = TextLease.objects.using(name.alias).filter(pk=lease_id(name))
    writer = leases.values_list("writer", flat=True).first()
    return writer if writer is not None and leases.filter(writer=writer).update(stop=True) else None


class Expired(NamedTuple):
    """The target of a writer that has died, and for a live text the length that was saved, in UTF-16 code units."""

    target: LeaseTarget
    writer: str
    length: int | None


def fail_expired(alias: str) -> tuple[list[Expired], float | None]:
    """Mark what dead writers wrote as failed; return it, and the seconds until the next lease may expire.

    None if there is no lease.
    """
    leases, now = TextLease.objects.using(alias), get_changelog(alias).now
    failed: list[Expired] = []
    for lease in leases.filter(expires__lt=now):
        with transaction.atomic(using=alias):
            mine = leases.filter(pk=lease.pk, writer=lease.writer, expires__lt=get_changelog(alias).now)
            if not mine.delete()[0]:  # renewed, or handled by another process
                continue
            if (target := _target_of(lease, alias)) is not None:
                failed.append(Expired(target, lease.writer, target.fail()))
    left = leases.annotate(left=F("expires") - now).order_by("expires").values_list("left", flat=True).first()
    return failed, None if left is None else max(0.0, left / 1000)


def _target_of(lease: TextLease, alias: str) -> LeaseTarget | None:
    try:
        model = apps.get_model(lease.model)
        field = model._meta.get_field(lease.field)
        model._meta.get_field(lease.state_field or lease.field)
    except (LookupError, FieldDoesNotExist):  # the app or the field was removed
        return None
    name = TextName(alias, lease.model, lease.key, lease.field)
    return kinds.get(lease.model, TextTarget)(name, model, field, lease.state_field)
