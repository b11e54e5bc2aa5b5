"""Arguments: what a client passes to a method of a stream, converted to the method's annotations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext

from realtime.exceptions import InvalidArguments
from realtime.streams.choices import limit_sentence, sentence_of
from realtime.streams.decorators import signature
from realtime.streams.value_lists import alternatives

INVALID = {
    "action": "The arguments of the action %(name)r are invalid. %(sentences)s",
    "event": "The data of the event %(name)r is invalid. %(sentences)s",
}

# what is read of msgspec's errors, which are not for users: the place, and which kind of rule it is
_PLACE = re.compile(r" - at `\$((?:\.[^.\[`]+|\[(?:\d+|\.\.\.)\])*)`\Z")
_STEP = re.compile(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"unknown field `(.+?)`")


def convert_arguments(
    method: Callable[..., Any], given: Mapping[str, Any], *, kind: Literal["action", "event"]
) -> dict[str, Any]:
    """Return the arguments of a method after `self` and `user`, converted to their annotations.

    Raise `InvalidArguments` with a sentence for each argument that is missing, unknown or of another type.
    """
    parameters, hints = signature(method, skip=2)
    own = list(signature(method, skip=0).parameters)[:2]  # self and user, which clients do not pass
    any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    }
    arguments: dict[str, Any] = {}
    wrong: dict[str, tuple[str, str]] = {}  # the place in the argument, and the sentence
    for name, value in given.items():
        if name in own or (name not in named and not any_name):
            allowed = ", ".join(named) or "none"
            wrong[name] = "", f"The {kind} {method.__name__!r} has no such argument; it has: {allowed}."
            continue
        try:
            arguments[name] = msgspec.convert(value, hints[name], strict=False) if name in hints else value
        except msgspec.ValidationError as error:
            wrong[name] = _explain(str(error), hints[name])
    for name, parameter in named.items():
        if parameter.default is inspect.Parameter.empty and name not in given:
            wrong[name] = "", gettext("This argument is required.")
    if wrong:
        raise InvalidArguments(
            INVALID[kind],
            details={name: [sentence] for name, (_, sentence) in wrong.items()},
            name=method.__name__,
            sentences=" ".join(f"{name}{place}: {sentence}" for name, (place, sentence) in wrong.items()),
        )
    return arguments


def _explain(text: str, annotation: Any) -> tuple[str, str]:
    """Return the place that msgspec's error is about, such as "[2].title", and a sentence for users."""
    place = match[1] if (match := _PLACE.search(text)) else ""
    if match := _MISSING.search(text):
        return f"{place}.{match[1]}", str(forms.Field.default_error_messages["required"])
    if match := _UNKNOWN.search(text):
        return f"{place}.{match[1]}", "There is no field with this name."
    if " in `$" in text:  # about a key
        return place, str(RegexValidator.message)
    if sentence := limit_sentence(text):
        return place, sentence
    for name, index in _STEP.findall(place):
        annotation = next(_inner(annotation, name, index), Any)
    return place, str(sentence_of(annotation))


def _inner(annotation: Any, name: str, index: str) -> Iterator[Any]:
    """Yield the annotation of a field, or of an item, of an annotation."""
    for kind in alternatives(annotation):
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if not isinstance(origin, type):
            continue
        if name:
            hints = get_type_hints(origin)
            if name in hints:
                yield hints[name]
        elif issubclass(origin, tuple) and ... not in inner:
            if index.isdigit() and int(index) < len(inner):
                yield inner[int(index)]
        elif issubclass(origin, Collection) and inner:
            yield inner[1 if issubclass(origin, Mapping) else 0]
