"""Choices: error messages for parameter values that a stream does not accept."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_origin, is_typeddict
from uuid import UUID

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy
from msgspec import Struct

from realtime.exceptions import BadParameters
from realtime.streams.value_lists import alternatives, item_types

_SENTENCES: Mapping[Any, object] = {
    int: forms.IntegerField.default_error_messages["invalid"],
    float: forms.FloatField.default_error_messages["invalid"],
    Decimal: forms.DecimalField.default_error_messages["invalid"],
    date: forms.DateField.default_error_messages["invalid"],
    datetime: forms.DateTimeField.default_error_messages["invalid"],
    time: forms.TimeField.default_error_messages["invalid"],
    timedelta: forms.DurationField.default_error_messages["invalid"],
    UUID: forms.UUIDField.default_error_messages["invalid"],
    bool: gettext_lazy("This must be true or false."),
    str: gettext_lazy("This must be text."),
}
_OF_LISTS = forms.MultipleChoiceField.default_error_messages["invalid_list"]
_OF_OBJECTS = gettext_lazy("This must be an object with named values.")


class RefusedChoice(BadParameters, BadRequest):
    """`BadParameters` that Django answers with status 400 if a page raises it."""


# what is read of msgspec's errors, which are not for users: a limit of `Annotated`, or a pattern
_LIMIT = re.compile(r"\AExpected `[^`]*` (?:(>=|<=) (\S+?)|[^,\s].*)(?: - at |\Z)")


def refused_value(stream: str, name: str, annotation: Any, error: Exception) -> RefusedChoice:
    """Return the refusal of a value that is not of the parameter's type. The sentence does not repeat the value."""
    text = f"The parameter {name!r} of the stream {stream!r} has a value of the wrong type."
    taken = item_types(annotation) or (annotation,)  # a single value is also taken in place of a list
    kinds = [kind for each in taken for kind in alternatives(each) if kind is not str]  # text can only be too long
    return RefusedChoice(text, details={name: [limit_sentence(str(error)) or _first_sentence(kinds)]})


def limit_sentence(error: str) -> str | None:
    """Return a sentence for users about a value beyond a limit, by msgspec's text; None if it is about no limit."""
    if (match := _LIMIT.search(error)) is None:
        return None
    validator = {">=": MinValueValidator, "<=": MaxValueValidator}.get(match[1] or "")
    message: Any = validator.message if validator else RegexValidator.message
    return str(message % {"limit_value": match[2]} if validator else message)


def refused_choice(stream: str, error: ValidationError) -> RefusedChoice:
    """Return the refusal of parameters for which `authorize` or `get_queryset` has raised this error.

    Users only see errors of parameters. Other errors may be the ORM's, and reveal what users may not know.
    """
    errors = error.error_dict if hasattr(error, "error_dict") else {}
    read: Any = lazy(lambda single: single.messages[0], str)  # translated when it is used
    details = {
        "" if name == NON_FIELD_ERRORS else name: [read(single) for single in its] for name, its in errors.items()
    }
    return RefusedChoice(f"The parameters of the stream {stream!r} have values of the wrong type.", details=details)


def sentence_of(annotation: Any) -> object:
    """Return a sentence for users about a value that is not of this type; it may be a lazy translation."""
    return _first_sentence(alternatives(annotation))


def _first_sentence(kinds: Iterable[Any]) -> object:
    return next((sentence for kind in kinds if (sentence := _sentence(kind)) is not None), RegexValidator.message)


def _sentence(kind: Any) -> object:
    origin = get_origin(kind) or kind
    if origin is Literal or (isinstance(origin, type) and issubclass(origin, Enum)):
        return forms.ModelChoiceField.default_error_messages["invalid_choice"]
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if not isinstance(origin, type) or kind is NoneType:
        return None
    if issubclass(origin, Mapping | Struct) or is_dataclass(origin) or is_typeddict(origin):
        return _OF_OBJECTS
    is_list = issubclass(origin, Collection) and not issubclass(origin, str | bytes | bytearray | memoryview)
    return _OF_LISTS if is_list else None
