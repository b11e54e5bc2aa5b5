"""Choices: error messages for parameter values that a stream does not accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_origin
from uuid import UUID

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest, ValidationError
from django.core.validators import RegexValidator
from django.utils.functional import lazy

from realtime.exceptions import BadParameters
from realtime.streams.value_lists import alternatives, item_types

_FIELDS: Mapping[Any, type[forms.Field]] = {
    int: forms.IntegerField,
    float: forms.FloatField,
    Decimal: forms.DecimalField,
    date: forms.DateField,
    datetime: forms.DateTimeField,
    time: forms.TimeField,
    UUID: forms.UUIDField,
}


class RefusedChoice(BadParameters, BadRequest):
    """`BadParameters` that Django answers with status 400 if a page raises it."""


def refused_value(stream: str, name: str, annotation: Any) -> RefusedChoice:
    """Return the refusal of a value that is not of the parameter's type. The sentence does not repeat the value."""
    text = f"The parameter {name!r} of the stream {stream!r} has a value of the wrong type."
    return RefusedChoice(text, details={name: [next(_sentences(annotation), RegexValidator.message)]})


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


def _sentences(annotation: Any) -> Iterator[object]:
    for kind in [
        *alternatives(annotation),
        *(inner for each in item_types(annotation) for inner in alternatives(each)),
    ]:
        if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
            yield forms.ModelChoiceField.default_error_messages["invalid_choice"]
        elif kind in _FIELDS:
            yield _FIELDS[kind].default_error_messages["invalid"]
