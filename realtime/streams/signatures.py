"""Signatures: what a method of a stream takes from a client, by name and type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, get_type_hints


class Signature(NamedTuple):
    """The parameters of a method by name, without those that clients do not give, and their annotations."""

    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]


@cache
def signature(method: Callable[..., Any], *, skip: int) -> Signature:
    """The signature of a function, without its first `skip` parameters."""
    parameters = list(inspect.signature(method).parameters.items())[skip:]
    try:
        hints = get_type_hints(method)
    except NameError:  # names that exist for type checkers only
        hints = {}
    return Signature(dict(parameters), hints)
