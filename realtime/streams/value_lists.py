"""Value lists: parameters that take several values, such as `tags: tuple[str, ...] = ()`."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from typing import Any, Union, get_args, get_origin

import msgspec

from realtime.conf import limits

PLAIN = str | int | float | bool | None  # what a list may have, as a client sends it


def alternatives(annotation: Any) -> list[Any]:
    """Return the types of a union, without what `Annotated` adds."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for each in get_args(annotation) for inner in alternatives(each)]
    return alternatives(get_args(annotation)[0]) if hasattr(annotation, "__metadata__") else [annotation]


def item_types(annotation: Any) -> tuple[Any, ...]:
    """Return the types of the values in a list of this type; nothing if it takes a single value."""
    for kind in alternatives(annotation):
        origin = get_origin(kind) or kind
        if not isinstance(origin, type) or not issubclass(origin, Collection):
            continue
        if not issubclass(origin, str | bytes | bytearray | memoryview | Mapping):
            return tuple(each for each in get_args(kind) if each is not ...) or (Any,)
    return ()


def is_empty(value: Any) -> bool:
    """Return whether a form has given no value: nothing is checked, or only what stands for all."""
    several = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return all(each is None or each == "" for each in several)


def given_values(value: Any) -> list[Any]:
    """Return the values that a client gave: a single one, or a list. Empty text is no value.

    Raise `TypeError` if they are not scalars, and `ValueError` if they are longer than a parameter may be.
    """
    several = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    length = 0
    for each in several:
        if not isinstance(each, PLAIN):
            raise TypeError
        length += len(str(each)) + 1
        if length > limits.param_length:
            raise ValueError
    return [each for each in several if each is not None and each != ""]


def in_order(value: Any) -> Any:
    """Return a set as a list of JSON values that does not depend on its order; another value itself."""
    if not isinstance(value, set | frozenset):
        return value
    return sorted(msgspec.to_builtins(list(value), enc_hook=str), key=lambda each: (type(each).__name__, each))
