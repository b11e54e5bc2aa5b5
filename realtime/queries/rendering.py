"""Rendering: a row as HTML or as data, encoded once for all recipients."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from copy import copy
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from django.core.exceptions import ObjectDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Model
from django.db.models.fields.files import FieldFile
from django.template.loader import get_template
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.html import escape

from realtime.exceptions import StreamDefinitionError
from realtime.protocol.codec import encode_value
from realtime.queries import row_html
from realtime.queries.broken_rows import is_html
from realtime.queries.text_field import without_forged_texts
from realtime.streams.relations import last_field
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import Surroundings

# The template of the row being rendered, its stream, the row, and the fields whose live text it shows.
_row: ContextVar[tuple[str, str, Any, set[str]] | None] = ContextVar("realtime_row", default=None)
_django_encoder = DjangoJSONEncoder()

ENCODABLE = (
    str, int, float, bytes, list, tuple, dict, set, Decimal, UUID, Enum, Promise, Model, FieldFile,
    datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip


Render = Callable[[Model, str, Callable[[], Any]], Any]
"""Renders a row with its key; the last argument returns the stream, when it is read."""


class Renderer:
    """Renders a row with its key for clients: HTML text, or a dictionary.

    Two renderers with the same `look` render a row alike, unless one `asked` for its stream, which has parameters and
    an audience. `look` is None if this is unknown.
    """

    __slots__ = ("_render", "_serializer", "_stream", "asked", "look")

    def __init__(self, stream: ModelStream, format: str) -> None:
        self._stream = stream
        self.look: tuple[Any, ...] | None = None
        self.asked = False  # whether the last row read the stream
        self._serializer: Any = None  # of Django REST framework
        self._render = self._of_html(format) if is_html(format) else self._of_data()

    def __call__(self, instance: Model, key: str) -> Any:
        self.asked = False
        return self._render(instance, key, self._lazy)

    def for_stream(self, stream: ModelStream) -> Renderer:
        """Return one with the same look, for a stream that differs in its audience alone."""
        other = copy(self)
        other._stream, other.asked = stream, False
        return other

    def _asked_stream(self) -> ModelStream:
        self.asked = True
        return self._stream

    def _of_html(self, format: str) -> Render:
        template: Any
        if found := self._stream.inline_rows(format):
            name, names, template = found.rows.template_name, [found.rows.variable], found.template
        else:
            name = str(self._stream.get_template_name())
            names, template = ["object", self._stream.model._meta.model_name or "row"], get_template(name)
        self.look = (format, self._stream.row_source(format), name, self._stream.surroundings)
        return _html_renderer(self._stream, name, template, names)

    def _lazy(self) -> Any:
        return SimpleLazyObject(self._asked_stream)

    def _of_data(self) -> Render:
        if self._stream.serializer_class is None:
            self.look, render = _data_renderer(self._stream)
            return render
        # one for all rows, as with many=True in Django REST framework
        self._serializer = serializer = self._stream.serializer_class(context={"stream": self._stream})
        return lambda instance, key, lazy: serializer.to_representation(instance)

    def keeps_text(self, name: str) -> bool:
        """Return whether the value of this name, if it is a text, is the model's field, and not made from it."""
        if self._serializer is None:
            return True
        field = getattr(self._serializer, "fields", {}).get(name)  # a BaseSerializer has none
        if field is None or field.source != name:
            return False
        methods = (type(self._serializer).to_representation, type(field).to_representation, type(field).get_attribute)
        return all(method.__module__.startswith("rest_framework.") for method in methods)


def encode_row(row: Any, stream: ModelStream) -> msgspec.Raw:
    """Return the JSON of a rendered row. Raise `StreamDefinitionError` for a value that is not JSON."""
    try:
        return msgspec.Raw(encode_value(row, default=plain))
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate, or an integer of more than 64 bits
        return msgspec.Raw(encode_value(_unusual(row), default=plain))
    except TypeError as error:
        raise _not_json(row, stream, error) from None


def _unusual(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_unusual(key): _unusual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unusual(item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int) and abs(value) >= 2**63:
        return msgspec.Raw(str(value).encode())
    return value


def _not_json(row: Any, stream: ModelStream, error: TypeError) -> StreamDefinitionError:
    for name, value in row.items() if isinstance(row, Mapping) else ():
        try:
            encode_value(value, default=plain)
        except TypeError:
            return StreamDefinitionError(
                f"The field {name!r} of the stream {stream.name!r} has a value of type {type(value).__name__}, which "
                f"JSON cannot hold.",
                hint="Name a property in `fields` that returns text, a number, a list or a dictionary.",
            )
        except (UnicodeEncodeError, OverflowError):
            continue
    return StreamDefinitionError(
        f"A row or value of the stream {stream.name!r} is nothing that JSON can hold: {error}.",
        hint="Return text, a number, a list or a dictionary.",
    )


def _html_renderer(stream: ModelStream, name: str, template: Any, names: Sequence[str]) -> Render:
    inspector = row_html.Inspector()

    def render(instance: Model, key: str, lazy: Callable[[], Any]) -> str:
        fields: set[str] = set()
        token = _row.set((name, stream.name, instance, fields))
        try:
            html = str(template.render({**dict.fromkeys(names, instance), "stream": lazy()})).strip()
        finally:
            _row.reset(token)
        html = without_forged_texts(html, {field: str(getattr(instance, field) or "") for field in fields})
        wrong = inspector.fault(html)
        if wrong:
            raise StreamDefinitionError(
                f"The template {name!r} of the stream {stream.name!r} {wrong}.",
                hint="Give each row one root element, around all of it: it bears the row's key in the page.",
            )
        return row_html.with_attribute(html, f'data-live-key="{escape(key)}"')

    return render


def is_in_row() -> bool:
    """Return whether a row is rendered, which is the same for all recipients."""
    return _row.get() is not None


def refuse_in_row(tag: str) -> None:
    """Raise `StreamDefinitionError` while a row is rendered, because a row is the same for all recipients."""
    row = _row.get()
    if row is None:
        return
    template, stream, *_ = row
    raise StreamDefinitionError(
        f"{{% {tag} %}} stands in {template!r}, the template of a row of the stream {stream!r}. A row is rendered "
        f"once for all who see it; what {{% {tag} %}} shows is for one user.",
        hint="Put the tag into the page's template, beside the list; or write the inner rows into the row's template, "
        "and name their relation in `depends_on`.",
    )


def takes_live_text(instance: Model, field: str) -> bool:
    """Return whether the live text of a field may grow where it is shown: not if a row quotes another object."""
    row = _row.get()
    if row is None:
        return True
    _, _, shown, fields = row
    if not (
        isinstance(shown, Model)
        and shown.pk == instance.pk
        and shown._meta.concrete_model is instance._meta.concrete_model
    ):
        return False
    fields.add(field)
    return True


def _data_renderer(stream: ModelStream) -> tuple[tuple[Any, ...], Render]:
    """Return a look, and how to render it; live queries that show the same fields share both."""
    fields = stream.get_fields()
    if unknown := [path for path in fields if path not in stream.fields]:
        raise StreamDefinitionError(
            f"get_fields of the stream {stream.name!r} returned {unknown[0]!r}, which is not one of its fields.",
            hint="Name in `fields` all that any audience sees.",
        )
    return _data_look(stream.model, tuple(fields), stream.surroundings)


@lru_cache(maxsize=1024)
def _data_look(
    model: type[Model], fields: tuple[str, ...], surroundings: Surroundings
) -> tuple[tuple[Any, ...], Render]:
    paths = [(path, path.split("."), last_field(model, path)) for path in fields]

    def render(instance: Any, key: str, lazy: Callable[[], Any]) -> dict[str, Any]:
        if isinstance(instance, dict):  # a group
            return {path: instance[path] for path in fields}
        return {path: _value(instance, steps, field) for path, steps, field in paths}

    return ("data", fields, surroundings), render


def _value(instance: Any, steps: list[str], field: Any) -> Any:
    owner, value = None, instance
    for step in steps:
        try:
            owner, value = value, getattr(value, step)
        except ObjectDoesNotExist:  # the reverse side of a one-to-one relation may be missing
            return None
        if value is None:
            return None
    if field is not None and not isinstance(value, ENCODABLE):
        # a custom field's own text, as in Django's serializers
        return field.value_to_string(owner) if sendable(field, owner, value) else value
    return value


def sendable(field: Any, owner: Any, value: Any) -> bool:
    """Return whether JSON can hold this value of a field, or the field's text of it."""
    if value is None or isinstance(value, ENCODABLE):
        return True
    if type(field).value_to_string is not Field.value_to_string:
        return isinstance(field.value_to_string(owner), str)
    # Django's own uses str(), by default the object's address in memory
    kind: Any = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__


def plain(value: Any) -> Any:
    """Return a value that JSON can hold for one that it cannot. Raise `TypeError` if there is none."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, FieldFile):
        return value.url if value else None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):  # a safe string, or another kind of str
        return "".join(value)
    return _django_encoder.default(value)
