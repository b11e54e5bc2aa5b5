"""What follows a commit comes last, once, and among nobody's hooks, however the project ends its transactions."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TestCase

from realtime.changelog import commits
from tests.models import Note


@pytest.fixture(params=["wrapped", "hooks"])
def way(request):
    """Both ways to hear of a commit: by the connection's methods, and by Django's public hooks alone."""
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


def test_once_for_a_transaction_when_it_has_committed(calls):
    with transaction.atomic():
        write(calls)
        with transaction.atomic():
            write(calls)
        assert calls == []
    assert calls == ["ours"]


def test_at_once_where_no_transaction_is_open(calls):
    write(calls)
    assert calls == ["ours"]


def test_never_after_a_rollback_nor_with_the_next_commit(calls):
    with transaction.atomic():
        write(calls)
        transaction.set_rollback(True)
    with transaction.atomic():
        Note.objects.create(text="another")
    assert calls == []


def test_after_a_rollback_to_a_savepoint(calls):
    with transaction.atomic():
        write(calls)
        with transaction.atomic():
            write(calls)
            transaction.set_rollback(True)
        write(calls)
    assert calls == ["ours"]


def test_not_with_the_transaction_after_one_whose_connection_was_closed(calls):
    connection.close()
    with transaction.atomic():
        write(calls)
        connection.close()
    with transaction.atomic():
        Note.objects.create(text="another")
    assert calls == []


def test_function_that_fails_hurts_neither_the_writer_nor_the_next(calls, caplog):
    with transaction.atomic():
        commits.after_commit("default", lambda: 1 / 0)
        write(calls)
    assert calls == ["ours"]
    assert "What follows a commit has failed" in caplog.text


def test_write_of_a_hook_has_a_call_of_its_own(calls):
    with transaction.atomic():
        write(calls)
        transaction.on_commit(lambda: write(calls))
    assert calls == ["ours", "ours"]


class TestManualTransactions:
    """`set_autocommit(False)`: Django has no hooks there; where nothing is wrapped, the next poll finds the change."""

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

    def test_commit_of_what_an_atomic_block_wrote(self, calls, way):
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

    def test_comes_after_the_hooks_of_others(self, calls):
        with transaction.atomic():
            write(calls)
            transaction.on_commit(lambda: calls.append("theirs"))
        assert calls == ["theirs", "ours"]

    def test_comes_although_the_hook_of_another_fails(self, calls):
        def write_with_a_hook_that_fails():
            with transaction.atomic():
                write(calls)
                transaction.on_commit(lambda: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            write_with_a_hook_that_fails()
        assert calls == ["ours"]

    def test_is_among_nobodys_hooks(self, calls):
        with transaction.atomic():
            for _ in range(3):
                with transaction.atomic():
                    write(calls)
            assert connection.run_on_commit == []

    def test_taken_back(self, committed):
        wrapped = BaseDatabaseWrapper.commit, BaseDatabaseWrapper.set_autocommit
        commits.uninstall()
        try:
            assert BaseDatabaseWrapper.commit is not wrapped[0]
            assert BaseDatabaseWrapper.set_autocommit is not wrapped[1]
            assert not hasattr(BaseDatabaseWrapper.set_autocommit, "__wrapped__")
        finally:
            commits.install()


class TestByHooks:
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
def test_tests_of_a_project_find_their_own_hooks_alone(wrapped):
    calls = Calls()
    commits.install() if wrapped else commits.uninstall()
    try:
        with TestCase.captureOnCommitCallbacks(execute=True) as callbacks:
            write(calls)
            transaction.on_commit(lambda: calls.append("theirs"))
        assert (len(callbacks), calls) == (1, ["theirs"])
    finally:
        commits.install()
