"""Caches under the ORM: live reads bypass them, because a cache may hold rows from before a change.

django-cachalot and django-cacheops answer querysets from a cache, and invalidate it after a transaction has ended, a
moment after its changes are visible. An old row read in between would stay on pages until its next change.
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


def bypass_caches(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Make a function, and everything that it calls, read from the database even if the project has such a cache."""

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
        manager.__exit__(None, None, None)  # with an error, it would leave the cache disabled


@contextmanager
def _past_cacheops() -> Iterator[None]:
    from cacheops.transaction import transaction_states

    # cacheops bypasses its cache in a transaction that has written; the inner state collects the writes made here
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
