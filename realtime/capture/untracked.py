"""Untracked fields: columns that no page shows, as `REALTIME_UNTRACKED_FIELDS` names them.

An UPDATE that writes nothing else is not logged. A field that this package needs itself is tracked all the same, and
the system check `realtime.E013` says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from realtime.auth.revocation import access_models
from realtime.auth.users import user_model
from realtime.conf import settings
from realtime.streams.relations import last_field
from realtime.streams.stream import ModelStream
from realtime.streams.validation import valid_streams

if TYPE_CHECKING:
    from django.db.models import Model

LAST_LOGIN = "last_login"  # which Django writes at each login, and which changes no access


class UntrackedField(NamedTuple):
    """An entry of the setting, with its field; or `problem`, why it has no effect."""

    label: str
    field: Any
    problem: str


def untracked_fields() -> Iterator[UntrackedField]:
    """Yield the fields in the setting."""
    streams = valid_streams() if settings.UNTRACKED_FIELDS else []
    for label in settings.UNTRACKED_FIELDS:
        place, _, name = label.rpartition(".")
        try:
            field: Any = apps.get_model(place)._meta.get_field(name)
        except (LookupError, ValueError, FieldDoesNotExist):
            yield UntrackedField(label, None, "there is no such field")
            continue
        yield UntrackedField(label, field, _problem(field, streams))


def untracked_columns() -> dict[type[Model], set[str]]:
    """Return the attribute names of the fields that need not be logged, by the model whose table holds them."""
    found: defaultdict[type[Model], set[str]] = defaultdict(set)
    for each in untracked_fields():
        if not each.problem:
            found[each.field.model._meta.concrete_model].add(each.field.attname)
    return found


def _problem(field: Any, streams: list[type[ModelStream]]) -> str:
    model = field.model
    if not field.concrete or field.is_relation or field.primary_key:
        return "only a column that is no key and no relation can be untracked"
    if any(getattr(each, "generated", False) for each in model._meta.concrete_fields):
        return f"a generated field of {model.__name__} may be computed from it"
    if model in access_models() and not _is_last_login(field, streams):
        return "access may depend on it"
    for stream in streams:
        if field.name in stream.routing_fields() and field in stream.model._meta.concrete_fields:
            return f"{stream.__name__} routes changes by it"
        if any(last_field(stream.model, path) == field for path in stream.fields):
            return f"{stream.__name__}.fields shows it"
    return ""


def _is_last_login(field: Any, streams: list[type[ModelStream]]) -> bool:
    users = user_model()
    is_own = users is not None and field.name == LAST_LOGIN and field in users._meta.concrete_fields
    return is_own and not any(field.model in stream.authorize_models() for stream in streams)
