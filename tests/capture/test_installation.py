"""Triggers are kept in step with the streams by `migrate`, dropped where they are not wanted, and checked."""

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
    """The triggers that there are."""
    yield lambda: set(triggers.get_triggers("default").existing())
    triggers.install("default") if conf.settings.CAPTURE == "triggers" else triggers.remove("default")


def migrate(plan=()):
    """What `migrate` says before and after what it does."""
    for emit in (emit_pre_migrate_signal, emit_post_migrate_signal):
        emit(verbosity=0, interactive=False, db="default", plan=list(plan))


def rereads():
    return set(Change.objects.filter(operation="r").values_list("model", flat=True))


def warnings():
    return [message for message in run_checks(databases=["default"]) if message.id == "realtime.W004"]


class TestMigrate:
    def test_triggers_are_there_where_they_are_wanted(self, present, capture):
        migrate()
        assert bool(present()) == (capture == "triggers")

    def test_flush_of_a_test_validates_no_stream_again(self, present, capture, monkeypatch):
        """Django sends `post_migrate` after each `TransactionTestCase`, however many streams there are."""
        if capture == "triggers":
            pytest.skip("the triggers are compared with what the streams need")
        validated = []
        monkeypatch.setattr("realtime.capture.tables.problems", lambda stream: validated.append(stream) or ())
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert validated == []

    def test_nothing_changes_the_second_time(self, present):
        migrate()
        before = present()
        migrate()
        assert present() == before

    def test_missing_ones_are_made(self, present, capture):
        before = present()
        triggers.remove("default")
        assert present() == set()
        migrate()
        assert present() == before

    def test_disabled_ones_are_made_anew(self, present, capture, vendor):
        if (capture, vendor) != ("triggers", "postgresql"):
            pytest.skip("only PostgreSQL can disable a trigger")
        before = present()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE capture_book DISABLE TRIGGER USER")
        assert present() < before
        migrate()
        assert present() == before

    def test_migrations_run_without_triggers(self, present, capture):
        """One that names a column which is taken away would fail every write."""
        before = present()
        emit_pre_migrate_signal(verbosity=0, interactive=False, db="default", plan=PLAN)
        assert present() == set()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default", plan=PLAN)
        assert present() == before

    def test_what_migrations_wrote_is_read_afresh(self, present):
        migrate(PLAN)
        assert {"capture.book", "capture.reader", "auth.user"} <= rereads()

    def test_log_begins_and_needs_no_word_of_what_migrations_wrote(self, present):
        Log.objects.all().delete()
        migrate(PLAN)
        assert (Log.objects.count(), rereads()) == (1, set())

    def test_log_that_was_begun_stays_the_same(self, present):
        before = Log.objects.get().epoch
        migrate(PLAN)
        assert Log.objects.get().epoch == before

    def test_without_migrations_nothing_is_read_afresh(self, present):
        migrate()
        assert rereads() == set()

    def test_stream_that_is_gone_takes_its_triggers_along(self, present, capture):
        stream = registry.get("capture.documents")
        before = present()
        registry.remove("capture.documents")
        try:
            migrate()
            assert (present() < before) == (capture == "triggers")
        finally:
            registry.add("capture.documents", stream)

    def test_stream_that_routes_otherwise_has_others(self, present, capture, monkeypatch):
        before = present()
        monkeypatch.setattr(registry.get("capture.readers"), "partition_by", [])
        migrate()
        after = present()
        assert len(after) == len(before)
        assert (after != before) == (capture == "triggers")

    def test_setting_that_is_taken_back_drops_them(self, present):
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

    def test_check(self, present, capture):
        assert self.run("--check") == "All triggers are up to date.\n"
        triggers.remove("default") if capture == "triggers" else triggers.install("default")
        with pytest.raises(CommandError, match=r"out of date on: .*capture_book.*realtime_triggers --install"):
            self.run("--check")


class TestCheck:
    def test_triggers_in_step(self, present):
        assert warnings() == []

    def test_triggers_that_are_missing_or_left_over(self, present, capture):
        triggers.remove("default") if capture == "triggers" else triggers.install("default")
        [warning] = warnings()
        assert warning.msg.startswith("In the database 'default' realtime's triggers do not match ")
        assert Book._meta.db_table in warning.msg
        assert Page._meta.db_table not in warning.msg

    def test_setting_that_does_not_exist(self):
        with override_settings(REALTIME_CAPTURE="magic"):
            [problem] = conf.problems()
        assert problem.message == (
            "The setting REALTIME_CAPTURE is 'magic', which is not one of 'orm', 'triggers', 'signals'."
        )
        assert problem.hint == "The default is 'orm'."


def test_triggers_record_in_place_of_the_orm(log, shelf, capture):
    Book.objects.create(shelf=shelf)
    assert Change.objects.filter(model="capture.book", pk__gt=log._last).count() == 1


def test_database_of_no_stream_is_left_alone(shelf, monkeypatch):
    monkeypatch.setattr("realtime.capture.install.log_databases", set)
    install.install()
    try:
        before = Change.objects.count()
        Book.objects.create(shelf=shelf)
        if conf.settings.CAPTURE == "orm":
            assert Change.objects.count() == before
    finally:
        monkeypatch.undo()
        install.install()
