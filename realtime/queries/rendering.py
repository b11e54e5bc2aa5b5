"""Rendering: a row as HTML or as data, encoded once for all who see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.db.models.fields.files import FieldFile
from django.template.loader import get_template
from django.utils import timezone, translation
from django.utils.html import escape

from realtime.exceptions import StreamDefinitionError
from realtime.protocol.codec import encode_value
from realtime.streams.stream import ModelStream

Renderer = Callable[[Model, str], Any]

_OPENING = re.compile(r"\s*(?:<!--.*?-->\s*)*<[A-Za-z][^\s/>]*", re.DOTALL)
_django_encoder = DjangoJSONEncoder()


def renderer(stream: ModelStream, format: str) -> Renderer:
    """A function from a row and its key to what clients get: HTML text, or a dictionary."""
    return _html_renderer(stream) if format == "html" else _data_renderer(stream)


def encode_row(row: Any) -> msgspec.Raw:
    """The JSON of a rendered row. Raise `TypeError` for a value that JSON does not have."""
    return msgspec.Raw(encode_value(row, default=plain))


def _html_renderer(stream: ModelStream) -> Renderer:
    template = get_template(str(stream.template_name))
    own_name = stream.model._meta.model_name or "row"

    def render(instance: Model, key: str) -> str:
        # rows are shared: the language and the time zone are the site's, not those of whoever is looking
        with translation.override(settings.LANGUAGE_CODE), timezone.override(None):
            html = template.render({"object": instance, own_name: instance, "stream": stream}).strip()
        opening = _OPENING.match(html)
        if opening is None:
            raise StreamDefinitionError(
                f"The template {stream.template_name!r} of the stream {stream.name!r} does not begin with an element.",
                hint="Give each row one root element: it bears the row's key in the page.",
            )
        return f'{html[: opening.end()]} data-live-key="{escape(key)}"{html[opening.end() :]}'

    return render


def _data_renderer(stream: ModelStream) -> Renderer:
    paths = [(path, path.split(".")) for path in stream.fields]

    def render(instance: Model, key: str) -> dict[str, Any]:
        return {path: _value(instance, steps) for path, steps in paths}

    return render


def _value(instance: Any, steps: list[str]) -> Any:
    value = instance
    for step in steps:
        try:
            value = getattr(value, step)
        except ObjectDoesNotExist:  # the other side of a one-to-one relation may be missing
            return None
        if value is None:
            return None
    return value


def plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, FieldFile):
        return value.url if value else None
    return _django_encoder.default(value)
