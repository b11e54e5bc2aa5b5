"""Triggers follow the streams: `migrate` creates and drops them, and a check compares them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connection
from django.db.migrations import Migration
from django.test import override_settings

from realtime import conf
from realtime.capture import install, triggers
from realtime.models import Change, Log
from realtime.streams.registry import registry
from tests.capture.models import Book, Page

PLAN = [(Migration("0002_more", "tests"), False)]


@pytest.fixture
def present(committed):
    """`present()` returns the names of the existing triggers."""
    yield lambda: set(triggers.get_triggers("default").existing())
    triggers.install("default") if conf.settings.CAPTURE == "triggers" else triggers.remove("default")


def migrate(plan=()):
    """Send the signals of `migrate`."""
    for emit in (emit_pre_migrate_signal, emit_post_migrate_signal):
        emit(verbosity=0, interactive=False, db="default", plan=list(plan))


def rereads():
    return set(Change.objects.filter(operation="r").values_list("model", flat=True))


def warnings():
    return [message for message in run_checks(databases=["default"]) if message.id == "realtime.W004"]


class TestMigrate:
    def test_triggers_exist_for_trigger_capture_only(self, present, capture):
        migrate()
        assert bool(present()) == (capture == "triggers")

    @pytest.mark.once
    def test_flush_of_a_test_validates_no_stream_again(self, present, capture, monkeypatch):
        """Django sends `post_migrate` after each `TransactionTestCase`, so it must be cheap with many streams."""
        if capture == "triggers":
            pytest.skip("the triggers are compared with what the streams need")
        validated = []
        monkeypatch.setattr("realtime.streams.validation.problems", lambda stream: validated.append(stream) or ())
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert validated == []

    @pytest.mark.once
    def test_second_run_changes_nothing(self, present):
        migrate()
        before = present()
        migrate()
        assert present() == before

    def test_missing_triggers_are_created(self, present, capture):
        before = present()
        triggers.remove("default")
        assert present() == set()
        migrate()
        assert present() == before

    def test_disabled_triggers_are_recreated(self, present, capture, vendor):
        if (capture, vendor) != ("triggers", "postgresql"):
            pytest.skip("only PostgreSQL can disable a trigger")
        before = present()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE capture_book DISABLE TRIGGER USER")
        assert present() < before
        migrate()
        assert present() == before

    def test_migrations_run_without_triggers(self, present, capture):
        """A trigger on a column that a migration removes would fail every write."""
        before = present()
        emit_pre_migrate_signal(verbosity=0, interactive=False, db="default", plan=PLAN)
        assert present() == set()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default", plan=PLAN)
        assert present() == before

    @pytest.mark.once
    def test_models_are_reloaded_after_migrations(self, present):
        migrate(PLAN)
        assert {"capture.book", "capture.reader", "auth.user"} <= rereads()

    @pytest.mark.once
    def test_new_log_has_no_entries_for_migrations(self, present):
        Log.objects.all().delete()
        migrate(PLAN)
        assert (Log.objects.count(), rereads()) == (1, set())

    @pytest.mark.once
    def test_existing_log_keeps_its_epoch(self, present):
        before = Log.objects.get().epoch
        migrate(PLAN)
        assert Log.objects.get().epoch == before

    @pytest.mark.once
    def test_nothing_is_reloaded_without_migrations(self, present):
        migrate()
        assert rereads() == set()

    @pytest.mark.once
    def test_triggers_of_a_removed_stream_are_dropped(self, present, capture):
        stream = registry.get("capture.documents")
        before = present()
        registry.remove("capture.documents")
        try:
            migrate()
            assert (present() < before) == (capture == "triggers")
        finally:
            registry.add("capture.documents", stream)

    @pytest.mark.once
    def test_stream_with_other_partitions_has_other_triggers(self, present, capture, monkeypatch):
        before = present()
        monkeypatch.setattr(registry.get("capture.readers"), "partition_by", [])
        migrate()
        after = present()
        assert len(after) == len(before)
        assert (after != before) == (capture == "triggers")

    @pytest.mark.once
    def test_triggers_are_dropped_for_orm_capture(self, present):
        triggers.install("default")
        with override_settings(REALTIME_CAPTURE="orm"):
            migrate()
        assert present() == set()


class TestCommand:
    def run(self, *args):
        out = StringIO()
        call_command("realtime_triggers", *args, stdout=out)
        return out.getvalue()

    def test_install_and_remove(self, present, capture):
        triggers.remove("default")
        self.run("--install")
        count = len(present())
        assert count > 0
        assert self.run("--install") == "0 triggers created or dropped.\n"
        assert self.run("--remove") == f"{count} triggers dropped.\n"
        assert present() == set()

    @pytest.mark.once
    def test_check(self, present, capture):
        assert self.run("--check") == "All triggers are up to date.\n"
        triggers.remove("default") if capture == "triggers" else triggers.install("default")
        with pytest.raises(CommandError, match=r"out of date on: .*capture_book.*realtime_triggers --install"):
            self.run("--check")


class TestCheck:
    def test_matching_triggers(self, present):
        assert warnings() == []

    def test_missing_and_leftover_triggers(self, present, capture):
        triggers.remove("default") if capture == "triggers" else triggers.install("default")
        [warning] = warnings()
        assert warning.msg.startswith("In the database 'default' realtime's triggers do not match ")
        assert Book._meta.db_table in warning.msg
        assert Page._meta.db_table not in warning.msg

    def test_unknown_value_of_the_setting(self):
        with override_settings(REALTIME_CAPTURE="magic"):
            [problem] = conf.problems()
        assert problem.message == (
            "The setting REALTIME_CAPTURE is 'magic', which is not one of 'orm', 'triggers', 'signals'."
        )
        assert problem.hint == "The default is 'orm'."


def test_triggers_replace_orm_capture(log, shelf, capture):
    Book.objects.create(shelf=shelf)
    assert Change.objects.filter(model="capture.book", pk__gt=log._last).count() == 1


def test_database_without_streams_is_not_captured(shelf, monkeypatch):
    monkeypatch.setattr("realtime.capture.install.log_databases", lambda live: set())
    install.install()
    try:
        before = Change.objects.count()
        Book.objects.create(shelf=shelf)
        if conf.settings.CAPTURE == "orm":
            assert Change.objects.count() == before
    finally:
        monkeypatch.undo()
        install.install()
