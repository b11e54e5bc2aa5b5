"""Commits: calls functions after a connection's transaction has committed, after all other hooks.

Hooks of `transaction.on_commit` are counted and called by the tests of projects, run in the order of registration
(caches invalidate in them), raise if the project manages its transactions itself, and cost more with each savepoint.
So these functions wait on the connection, and `install` wraps the two methods that end a transaction: those behind
Django's `transaction.set_autocommit` and `transaction.commit`. Without `install`, `transaction.on_commit` is used.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger("realtime.log")

SERVER_STATUS_IN_TRANS = 1  # of MySQL's protocol
_PENDING, _HOOKS = "realtime_pending", "realtime_hooks"  # attributes of a connection

_originals: dict[str, Any] = {}


class PendingCalls:
    """Functions that wait for the current transaction of a connection to commit."""

    def __init__(self) -> None:
        self.functions: dict[Callable[[], None], None] = {}  # in order, each once
        self.is_manual = False  # the project ends the transaction itself, with `transaction.commit`
        self.committed = False


class Hooks(NamedTuple):
    """The hooks of a transaction, and this module's functions in them; a rollback to a savepoint replaces the list."""

    hooks: list[Any]
    functions: set[Callable[[], None]]


def after_commit(alias: str, function: Callable[[], None]) -> None:
    """Call the function once after the current transaction of this database has committed, or now if none is open.

    It is called even if a savepoint is rolled back. Its errors are logged.
    """
    connection: Any = connections[alias]
    if connection.get_autocommit():
        _call(function)
    elif _originals:
        pending = vars(connection).get(_PENDING)
        if pending is None:
            pending = vars(connection)[_PENDING] = PendingCalls()
        pending.functions[function] = None
        pending.is_manual = not (connection.in_atomic_block and connection.commit_on_exit)
    elif connection.in_atomic_block and not is_test(connection):
        _call_in_hook(connection, function)


def install() -> None:
    """Wrap the methods of connections that end a transaction."""
    if not _originals:
        _wrap("set_autocommit", _set_autocommit)
        _wrap("commit", _commit)


def uninstall() -> None:
    """Undo `install`: restore Django's methods."""
    for name, original in _originals.items():
        setattr(BaseDatabaseWrapper, name, original)
    _originals.clear()


def _wrap(name: str, wrapper: Callable[..., None]) -> None:
    original = _originals[name] = getattr(BaseDatabaseWrapper, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> None:
        wrapper(self, functools.partial(original, self), *args, **kwargs)

    setattr(BaseDatabaseWrapper, name, method)


def _set_autocommit(connection: Any, call: Callable[..., None], autocommit: bool, *args: Any, **kwargs: Any) -> None:
    # a transaction begins or ends: waiting functions were rolled back, or are committed, and `call` runs other hooks
    pending: PendingCalls | None = vars(connection).pop(_PENDING, None)
    try:
        call(autocommit, *args, **kwargs)
    finally:
        if pending is not None and pending.committed:
            _call_all(pending)


def _commit(connection: Any, call: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    call(*args, **kwargs)
    pending: PendingCalls | None = vars(connection).get(_PENDING)
    if pending is not None and pending.is_manual:  # no hooks follow
        del vars(connection)[_PENDING]
        _call_all(pending)
    elif pending is not None:
        pending.committed = True


def _call_all(pending: PendingCalls) -> None:
    for function in pending.functions:
        _call(function)


def _call(function: Callable[[], None]) -> None:
    try:
        function()
    except Exception:  # the write has succeeded, and polling finds the change
        logger.exception("A function after a commit failed; polling finds the change.")


def is_test(connection: Any) -> bool:
    """Return whether the transaction is one of `TestCase`, which never commits."""
    return any(block._from_testcase for block in connection.atomic_blocks)


def _call_in_hook(connection: Any, function: Callable[[], None]) -> None:
    known: Hooks | None = vars(connection).get(_HOOKS)
    if known is None or known.hooks is not connection.run_on_commit:
        ours = {hook for _, hook, *_ in connection.run_on_commit if isinstance(hook, _Hook)}
        known = Hooks(connection.run_on_commit, {hook.function for hook in ours})
        setattr(connection, _HOOKS, known)
    if function not in known.functions:
        known.functions.add(function)
        transaction.on_commit(_Hook(function), using=connection.alias)


@dataclass(frozen=True)
class _Hook:
    function: Callable[[], None]

    def __call__(self) -> None:
        _call(self.function)


def in_transaction(driver: Any) -> bool:
    """Return whether a transaction is open that Django does not know: `cursor.execute("BEGIN")`."""
    if hasattr(driver, "get_autocommit") and not driver.get_autocommit():  # MySQL's drivers, after raw SQL
        return True
    if hasattr(driver, "in_transaction"):  # sqlite3
        return bool(driver.in_transaction)
    if hasattr(driver, "server_status"):  # PyMySQL; mysqlclient does not report it
        return bool(driver.server_status & SERVER_STATUS_IN_TRANS)
    return bool(getattr(getattr(driver, "info", None), "transaction_status", 0))  # psycopg; 0 is idle


def reports_transactions(driver: Any) -> bool:
    """Return whether the driver reports open transactions."""
    says = hasattr(driver, "in_transaction") or hasattr(driver, "server_status")
    return says or hasattr(getattr(driver, "info", None), "transaction_status")
