"""Statements: lets a check see the statements that it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections


@contextmanager
def watch_statements(execute: Callable[..., Any]) -> Iterator[None]:
    """Wrap this function around each statement that this thread sends in this context, on any database.

    It is one of Django's execute wrappers: it takes `execute, sql, params, many, context`, and calls the first.
    """
    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(execute))
        yield
