"""Transaction: one of its own for a statement and what is written of it, where none is open."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

from django.db import transaction
from django.db.backends.utils import debug_transaction

from realtime.changelog.commits import has_begun, knows_transactions

START = "START TRANSACTION"
# of MariaDB, for drivers that do not say whether one is open, which START TRANSACTION would commit
START_UNLESS_BEGUN = f"BEGIN NOT ATOMIC IF @@in_transaction THEN SIGNAL SQLSTATE '45000'; END IF; {START}; END"
SIGNALED = 1644  # code of the error that SIGNAL is


def together(connection: Any) -> AbstractContextManager[Any]:
    """A transaction for the statement and what is written of it, where none is open."""
    # in the writer's own, an error of the statement has to leave it as it would without this
    if not connection.get_autocommit() or has_begun(connection.connection):
        return nullcontext()
    if connection.vendor == "mysql":
        if knows_transactions(connection.connection):
            return _Started(connection, START)
        if connection.mysql_is_mariadb:
            return _Started(connection, START_UNLESS_BEGUN)
    return transaction.atomic(using=connection.alias, savepoint=False)


class _AlreadyBegun(Exception):
    """The transaction is open of which Django does not know."""


class _Started(transaction.Atomic):
    """`atomic` of MySQL that is begun by a statement: autocommit need not be switched off, and on again."""

    def __init__(self, connection: Any, sql: str) -> None:
        super().__init__(connection.alias, savepoint=False, durable=False)
        self._connection = connection
        self._sql = sql
        self._is_own = False

    def __enter__(self) -> None:
        # by which Django begins a transaction where it is there, as it is for SQLite
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
