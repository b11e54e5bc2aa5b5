"""Transactions: puts a statement and its log entries into one transaction."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

from django.db import transaction
from django.db.backends.utils import debug_transaction

from realtime.changelog.commits import in_transaction, reports_transactions

START = "START TRANSACTION"
# on MariaDB, for drivers that do not report an open transaction, which START TRANSACTION would commit
IN_TRANSACTION = "realtime: a transaction is open"
SIGNAL_IF_BEGUN = f"IF @@in_transaction THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{IN_TRANSACTION}'; END IF; "
START_UNLESS_BEGUN = f"BEGIN NOT ATOMIC {SIGNAL_IF_BEGUN}{START}; END"
SIGNALED = 1644  # error code of SIGNAL


def can_begin(connection: Any) -> bool:
    """Return whether no transaction is open, as far as Django and the driver know."""
    return connection.get_autocommit() and not in_transaction(connection.connection)


def ensure_transaction(connection: Any) -> AbstractContextManager[Any]:
    """Return a transaction for the statement and its log entries, or an empty context if one is open."""
    # in the writer's transaction, a failed statement must leave the same state as without capture
    if not can_begin(connection):
        return nullcontext()
    if connection.vendor == "mysql":
        if reports_transactions(connection.connection):
            return _ExplicitAtomic(connection, START)
        if connection.mysql_is_mariadb:
            return _ExplicitAtomic(connection, START_UNLESS_BEGUN)
    return transaction.atomic(using=connection.alias, savepoint=False)


class _AlreadyBegun(Exception):
    """A transaction is open that Django does not know."""


class _ExplicitAtomic(transaction.Atomic):
    """`atomic` for MySQL that starts with a statement instead of switching autocommit off and on."""

    def __init__(self, connection: Any, sql: str) -> None:
        super().__init__(connection.alias, savepoint=False, durable=False)
        self._connection = connection
        self._sql = sql
        self._is_own = False

    def __enter__(self) -> None:
        # if a connection has this method, as on SQLite, Django starts transactions with it
        self._connection._start_transaction_under_autocommit = self._start
        try:
            super().__enter__()
            self._is_own = True
        except _AlreadyBegun:
            pass
        finally:
            del self._connection._start_transaction_under_autocommit

    def __exit__(self, *error: Any) -> None:
        if self._is_own:
            super().__exit__(*error)

    def _start(self) -> None:
        connection = self._connection
        with (
            debug_transaction(connection, "BEGIN"),
            connection.wrap_database_errors,
            closing(connection.connection.cursor()) as cursor,
        ):
            try:
                cursor.execute(self._sql)
            except Exception as error:
                if error.args[:1] == (SIGNALED,):
                    raise _AlreadyBegun from None
                raise
