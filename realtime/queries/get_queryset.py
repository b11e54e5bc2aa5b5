"""`get_queryset`: whether it returns the same QuerySet each time, so that it need not be called at each change.

It does if its code names nothing but its parameters, models, expressions and lazy methods of QuerySets, and if it runs
no statement. Then it reads nothing that can change.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from django.db.models import F, Manager, Model, Q
from django.db.models.expressions import BaseExpression

from realtime.auth.statements import watch_statements
from realtime.streams.stream import ModelStream

_LAZY = frozenset(
    {"filter", "exclude", "order_by", "reverse", "distinct", "select_related", "prefetch_related"}
    | {"only", "defer", "annotate", "alias", "values", "values_list"}
)
_NAMES = _LAZY | {"objects"}

_is_constant: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # by function


def call(stream: ModelStream, get: Callable[[], Any]) -> tuple[Any, Any]:
    """Call `get`, which calls the stream's `get_queryset`.

    Return its result, and the method if it will always return the same QuerySet, else None.
    """
    method = type(stream).get_queryset
    if type(stream).__getattribute__ is not object.__getattribute__ or not _reads_parameters_alone(method):
        return get(), None
    ran: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        ran.append(sql)
        return execute(sql, *args)

    with watch_statements(note):
        queryset = get()
    return queryset, None if ran else method


def _reads_parameters_alone(method: Any) -> bool:
    if not isinstance(method, FunctionType):
        return False
    if method not in _is_constant:
        code, named = method.__code__, method.__globals__
        _is_constant[method] = (
            not code.co_freevars
            and not any(isinstance(each, CodeType) for each in code.co_consts)
            and not _uses_first_argument(code)
            and all(_reads_nothing(named[name]) if name in named else name in _NAMES for name in code.co_names)
        )
    return _is_constant[method]


def _uses_first_argument(code: CodeType) -> bool:
    first = code.co_varnames[:1]
    used = [each.argval for each in dis.get_instructions(code)]  # since Python 3.13, one may load two names
    return any(first == (name,) or (isinstance(name, tuple) and {*first} <= {*name}) for name in used)


def _reads_nothing(value: Any) -> bool:
    if not isinstance(value, type):
        return False
    if issubclass(value, Model):  # with Django's own manager: another one may read anything
        return type(getattr(value, "objects", None)) is Manager and not any(hasattr(value, name) for name in _LAZY)
    return issubclass(value, BaseExpression | F | Q) and value.__module__.startswith("django.")
