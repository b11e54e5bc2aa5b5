"""Capture by Django's signals: save, delete with its cascades, many-to-many.

Django sends `post_save` after the row's own transaction where there is no other one. So that row and log commit
together, `Model.save_base` of live models is wrapped in a transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from django.db import models, router, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from realtime.capture.tracking import Tracked, change_of, family, tracked_models
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.models import Change
from realtime.streams.keys import key_text

_UID = "realtime.capture"
_tracked: dict[type[models.Model], Tracked] = {}


def install() -> None:
    """Begin to capture the models that the registered streams need; may be called again when streams change."""
    _tracked.clear()
    _tracked.update(tracked_models())
    _wrap_save_base()
    post_save.connect(_saved, dispatch_uid=_UID)
    post_delete.connect(_deleted, dispatch_uid=_UID)
    m2m_changed.connect(_linked, dispatch_uid=_UID)


def _wrap_save_base() -> None:
    original: Callable[..., None] = models.Model.save_base
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def save_base(self: models.Model, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        if not _is_tracked(type(self)):
            return original(self, *args, using=using, **kwargs)
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            return original(self, *args, using=using, **kwargs)

    models.Model.save_base = save_base  # type: ignore[method-assign]


def _is_tracked(model: type[models.Model]) -> bool:
    return any(member in _tracked for member in family(model))


def _saved(sender: type[models.Model], instance: models.Model, created: bool, using: str, **kwargs: Any) -> None:
    _record(sender, instance, Change.Operation.INSERT if created else Change.Operation.UPDATE, using)


def _deleted(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    _record(sender, instance, Change.Operation.DELETE, using)


def _record(sender: type[models.Model], instance: models.Model, operation: str, using: str) -> None:
    members = [member for member in family(sender) if member in _tracked]
    if members:
        get_changelog(using).append([change_of(_tracked[member], instance, operation) for member in members])


def _linked(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    model: type[models.Model],
    pk_set: Iterable[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    ours = [member for member in family(type(instance)) if member in _tracked]
    theirs = [member for member in family(model) if member in _tracked]
    if not (ours or theirs) or action not in ("post_add", "post_remove", "pre_clear"):
        return
    if action == "pre_clear":  # Django does not say what is about to go
        pk_set = _linked_keys(sender, instance, model, using) if theirs else ()

    update = Change.Operation.UPDATE
    changes = [NewChange(_tracked[member].label, key_text(instance.pk), update) for member in ours]
    changes += [NewChange(_tracked[member].label, key_text(pk), update) for member in theirs for pk in pk_set or ()]
    get_changelog(using).append(changes)


def _linked_keys(
    through: type[models.Model], instance: models.Model, model: type[models.Model], using: str
) -> Iterable[Any]:
    links = through._base_manager.using(using)
    ends: list[Any] = [field for field in through._meta.fields if field.remote_field]
    here = [field for field in ends if isinstance(instance, field.related_model)]
    there = [field for field in ends if issubclass(model, field.related_model)]
    keys: set[Any] = set()
    for near in here:  # a model linked with itself has both ends on both sides
        for far in there:
            if near is not far:
                value = getattr(instance, near.target_field.attname)
                keys.update(links.filter(**{near.name: value}).values_list(far.attname, flat=True))
    return keys
