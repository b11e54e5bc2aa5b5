"""Caches under the ORM: what is live is read past them, since they may hold what was true before a change.

django-cachalot and django-cacheops answer a QuerySet from a cache, and invalidate it when a transaction has ended: a
moment after its changes can be read. A row that was read in between would stay on pages until its next change.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import connections

Params = ParamSpec("Params")
Result = TypeVar("Result")


def past_caches(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Have a function read from the database, also where the project has such a cache, and all that it calls."""

    @functools.wraps(function)
    def reading(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        known = [
            manager
            for (module, name), manager in _MANAGERS.items()
            if hasattr(sys.modules.get(module), name)  # the library is in use
        ]
        if not known:
            return function(*args, **kwargs)
        with ExitStack() as stack:
            for manager in known:
                stack.enter_context(manager())
            return function(*args, **kwargs)

    return reading


@contextmanager
def _past_cachalot() -> Iterator[None]:
    from cachalot.api import cachalot_disabled

    manager = cachalot_disabled()
    manager.__enter__()
    try:
        yield
    finally:
        manager.__exit__(None, None, None)  # which leaves it disabled when it is told of an error


@contextmanager
def _past_cacheops() -> Iterator[None]:
    from cacheops.transaction import transaction_states

    # it reads past its cache in a transaction that has written; the inner one is for what is written here indeed
    states = [transaction_states[alias] for alias in connections]
    for state in states:
        state.begin()
        state.mark_dirty()
        state.begin()
    try:
        yield
    finally:
        for state in states:
            written = state[-1]["dirty"]
            state.commit()
            state[-1]["dirty"] = written
            state.commit()


_MANAGERS: dict[tuple[str, str], Callable[[], AbstractContextManager[Any]]] = {
    ("cachalot.api", "cachalot_disabled"): _past_cachalot,
    ("cacheops.transaction", "transaction_states"): _past_cacheops,
}
