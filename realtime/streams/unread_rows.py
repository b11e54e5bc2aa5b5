"""Unread rows: what a user has not seen of a stream with `unread_by`, and the marker of what the user has seen.

All who may see the stream share its newest rows, as positions. A user's marker, a row of the table `ReadMarker`, is
for this user alone. The browser counts the positions beyond it, so a new row costs one read, however many users
count.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import wraps
from typing import Any, ClassVar

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField
from django.utils import timezone

from realtime.streams.decorators import action, live_value
from realtime.streams.keys import key_text
from realtime.streams.place import PlaceStream
from realtime.streams.stream import ModelStream

UNREAD = ":unread"
MARKER = ":marker"
MOST = 100  # unread rows that are counted
_EPOCH = datetime.datetime(1970, 1, 1)  # values of the field are aware or not, as USE_TZ says
_MICROSECOND = datetime.timedelta(microseconds=1)
_POSITIONS = range(-(2**63), 2**63)  # which the table of markers can hold


def unread_field(stream: type[ModelStream]) -> Any:
    """Return the field that `unread_by` names. Raise `FieldDoesNotExist`."""
    meta = stream.model._meta
    return meta.pk if stream.unread_by == "pk" else meta.get_field(stream.unread_by)


def position_of(value: Any) -> int:
    """Return the position of a row: an integer as it is, a time in microseconds since 1970."""
    return (value - _epoch_like(value)) // _MICROSECOND if isinstance(value, datetime.datetime) else int(value)


def _value_at(field: Any, position: int) -> Any:
    """Return the value of the field at a position. Raise `OverflowError` if it can have none."""
    if position not in _POSITIONS:
        raise OverflowError
    if not isinstance(field, DateTimeField):
        return position
    return _epoch_like(timezone.now()) + datetime.timedelta(microseconds=position)


def _epoch_like(value: datetime.datetime) -> datetime.datetime:
    return _EPOCH.replace(tzinfo=datetime.UTC if value.tzinfo else None)


class UnreadRow:
    """Represents a row by its position, and by the user whose own it is; used as a serializer."""

    def __init__(self, *, context: Mapping[str, Any]) -> None:
        of = type(context["stream"]).of
        self._position = unread_field(of).attname
        self._owner = of.model._meta.get_field(of.unread_except).attname if of.unread_except else None

    def to_representation(self, instance: Any) -> dict[str, str | None]:
        owner = getattr(instance, self._owner) if self._owner else None
        # as text: JavaScript rounds large numbers
        position = str(position_of(getattr(instance, self._position)))
        return {"position": position, "owner": None if owner is None else key_text(owner)}


def derive_unread(stream: type[ModelStream]) -> type[ModelStream]:
    """Return a stream of the newest rows of another stream, by their positions: `NAME:unread`."""

    @wraps(stream.get_queryset)
    def get_queryset(self: ModelStream, *args: Any, **params: Any) -> Any:
        rows = stream.get_queryset(self, *args, **params).all()
        rows.query.clear_limits()
        rows.query.select_related = False
        return rows.prefetch_related(None).order_by(f"-{stream.unread_by}", "-pk")[:MOST]

    attributes = {
        "of": stream,
        "get_queryset": get_queryset,
        "actions": classmethod(lambda cls: {}),
        "values": classmethod(lambda cls: {}),
        "events": classmethod(lambda cls: []),
        "fields": (),
        "serializer_class": UnreadRow,
        "template_name": None,
        "form_class": None,
        "paginate_by": None,
        "presence": False,
        "localize": False,
        "allow_anonymous": False,
        "unread_by": "",
        "unread_except": "",
        "__module__": stream.__module__,
        "__qualname__": f"{stream.__qualname__}.unread",
    }
    return type(f"{stream.__name__}Unread", (stream,), attributes)


class MarkerStream(PlaceStream):
    """The marker of the user at a stream with parameters: `NAME:marker`. Nobody sees those of others."""

    unread: ClassVar[Any]
    """The stream of unread rows that it is for."""

    fields = ("position",)
    audience_by = "user"

    def authorize(self, user: Any, **params: Any) -> bool:
        return bool(user.is_authenticated) and super().authorize(user, **params)

    def audience(self, user: Any, **params: Any) -> Any:
        return user.pk

    def get_queryset(self, **params: Any) -> Any:
        return self._rows_of_place().order_by("pk")

    @live_value
    def marker(self) -> dict[str, str | None]:
        """Return the position up to which the user has seen the rows, None if it has seen none, and the user's key."""
        found = self._rows_of_place().filter(user=self.audience_key).values_list("value", flat=True).first()
        return {"position": None if found is None else str(found), "user": key_text(self.audience_key)}

    @action
    def mark_read(self, user: Any, position: int) -> None:
        """Move the user's marker forwards, to the newest row up to this position that the user can see."""
        try:
            upto = _value_at(unread_field(self.of), position)
        except OverflowError:
            raise ValidationError("This is no position of a row.") from None
        self.advance(user, upto=upto)

    def advance(self, user: Any, *, upto: Any = None) -> None:
        """Move the user's marker forwards, to the newest row that the user can see, or the newest up to a value."""
        field = unread_field(self.of)
        shown = self.unread(self.params, self.of(self.params).audience(user, **self.params))
        rows = shown.get_queryset(**self.params).all()
        rows.query.clear_limits()
        if upto is not None:
            rows = rows.filter(**{f"{field.name}__lte": upto})
        newest = rows.values_list(field.attname, flat=True).first()
        if newest is not None:
            self._move(user, position_of(newest))

    def _move(self, user: Any, position: int) -> None:
        own = self._rows_of_place().filter(user=user.pk)
        if not own.exists():
            place = self.place()
            marker = self.model(place=place.key, stream=place.stream, user_id=user.pk, value=position)
            # another page of the user may insert it at the same moment
            self.model._default_manager.using(self.database()).bulk_create([marker], ignore_conflicts=True)
        own.filter(value__lt=position).update(value=position, moved_at=timezone.now())

    @classmethod
    def derive(cls, stream: type[ModelStream], unread: type[ModelStream]) -> type[MarkerStream]:
        """Return the marker stream of `stream`."""
        model = apps.get_model("realtime.ReadMarker")
        return cls.derived(stream, "marker", model=model, unread=unread, allow_anonymous=False)
