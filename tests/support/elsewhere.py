"""Another thread with a database connection of its own: whoever else writes, or reads, at the same time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections, transaction

from tests.support.waiting import seconds

Result = TypeVar("Result")


class Elsewhere:
    """Calls functions one after the other in its thread; a transaction may stay open between two calls."""

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="elsewhere")
        self._atomic: Any = None

    def __call__(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        return self._thread.submit(function, *args, **kwargs).result(seconds(30))

    async def soon(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """The same, awaited."""
        return await asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))

    def begin(self) -> None:
        self._atomic = transaction.atomic(using=self.alias)
        self(self._atomic.__enter__)

    def commit(self) -> None:
        atomic, self._atomic = self._atomic, None
        self(atomic.__exit__, None, None, None)

    def rollback(self) -> None:
        atomic, self._atomic = self._atomic, None
        self(transaction.set_rollback, True, using=self.alias)
        self(atomic.__exit__, None, None, None)

    def close(self) -> None:
        if self._atomic is not None:
            self.rollback()
        self(connections.close_all)
        self._thread.shutdown()
