"""Functions after a commit are called last and once, and add no hooks, however the project ends its transactions."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TestCase

from realtime.changelog import commits
from tests.models import Note


@pytest.fixture(params=["wrapped", "hooks"])
def way(request):
    """Both ways to notice a commit: the wrapped methods of the connection, and `transaction.on_commit`."""
    was_installed = bool(commits._originals)
    commits.install() if request.param == "wrapped" else commits.uninstall()
    yield request.param
    commits.install() if was_installed else commits.uninstall()


@pytest.fixture
def calls(committed, way):
    return Calls()


class Calls(list):
    def ours(self):
        self.append("ours")


def write(calls):
    Note.objects.create(text="first")
    commits.after_commit("default", calls.ours)


def test_called_once_after_a_transaction_has_committed(calls):
    with transaction.atomic():
        write(calls)
        with transaction.atomic():
            write(calls)
        assert calls == []
    assert calls == ["ours"]


def test_called_immediately_without_a_transaction(calls):
    write(calls)
    assert calls == ["ours"]


def test_not_called_after_a_rollback_or_with_the_next_commit(calls):
    with transaction.atomic():
        write(calls)
        transaction.set_rollback(True)
    with transaction.atomic():
        Note.objects.create(text="another")
    assert calls == []


def test_called_after_a_rollback_to_a_savepoint(calls):
    with transaction.atomic():
        write(calls)
        with transaction.atomic():
            write(calls)
            transaction.set_rollback(True)
        write(calls)
    assert calls == ["ours"]


def test_not_called_with_the_transaction_after_a_closed_connection(calls):
    connection.close()
    with transaction.atomic():
        write(calls)
        connection.close()
    with transaction.atomic():
        Note.objects.create(text="another")
    assert calls == []


def test_failing_function_affects_neither_the_writer_nor_the_next_function(calls, caplog):
    with transaction.atomic():
        commits.after_commit("default", lambda: 1 / 0)
        write(calls)
    assert calls == ["ours"]
    assert "A function after a commit failed" in caplog.text


def test_write_in_a_hook_gets_a_separate_call(calls):
    with transaction.atomic():
        write(calls)
        transaction.on_commit(lambda: write(calls))
    assert calls == ["ours", "ours"]


class TestManualTransactions:
    """With `set_autocommit(False)`, Django runs no hooks; without `install`, polling finds the change."""

    @pytest.fixture(autouse=True)
    def manual(self, calls):
        transaction.set_autocommit(False)
        yield
        transaction.rollback()
        transaction.set_autocommit(True)

    def test_commit(self, calls, way):
        write(calls)
        assert calls == []
        transaction.commit()
        assert calls == (["ours"] if way == "wrapped" else [])
        transaction.commit()
        assert calls == (["ours"] if way == "wrapped" else [])

    def test_commit_after_an_atomic_block(self, calls, way):
        with transaction.atomic():
            write(calls)
        assert calls == []
        transaction.commit()
        assert calls == (["ours"] if way == "wrapped" else [])


class TestWrapped:
    @pytest.fixture
    def way(self):
        commits.install()
        return "wrapped"

    def test_called_after_all_other_hooks(self, calls):
        with transaction.atomic():
            write(calls)
            transaction.on_commit(lambda: calls.append("theirs"))
        assert calls == ["theirs", "ours"]

    def test_called_even_if_another_hook_fails(self, calls):
        def write_with_a_hook_that_fails():
            with transaction.atomic():
                write(calls)
                transaction.on_commit(lambda: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            write_with_a_hook_that_fails()
        assert calls == ["ours"]

    def test_adds_no_on_commit_hook(self, calls):
        with transaction.atomic():
            for _ in range(3):
                with transaction.atomic():
                    write(calls)
            assert connection.run_on_commit == []

    def test_uninstall(self, committed):
        wrapped = BaseDatabaseWrapper.commit, BaseDatabaseWrapper.set_autocommit
        commits.uninstall()
        try:
            assert BaseDatabaseWrapper.commit is not wrapped[0]
            assert BaseDatabaseWrapper.set_autocommit is not wrapped[1]
            assert not hasattr(BaseDatabaseWrapper.set_autocommit, "__wrapped__")
        finally:
            commits.install()


class TestOnCommitHooks:
    @pytest.fixture
    def way(self):
        commits.uninstall()
        yield "hooks"
        commits.install()

    def test_one_hook_for_many_savepoints(self, calls):
        with transaction.atomic():
            for _ in range(3):
                with transaction.atomic():
                    write(calls)
            assert [hook.function for _, hook, _ in connection.run_on_commit].count(calls.ours) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("wrapped", [True, False])
def test_tests_of_a_project_see_only_their_own_hooks(wrapped):
    calls = Calls()
    commits.install() if wrapped else commits.uninstall()
    try:
        with TestCase.captureOnCommitCallbacks(execute=True) as callbacks:
            write(calls)
            transaction.on_commit(lambda: calls.append("theirs"))
        assert (len(callbacks), calls) == (1, ["theirs"])
    finally:
        commits.install()
