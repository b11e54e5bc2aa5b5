"""The contract of the change log, tested on the database that REALTIME_TEST_DATABASE names."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.changelog.base import ROWS_PER_INSERT, ChangeLog, LoggedChange
from realtime.exceptions import CursorExpired
from realtime.models import Change, Log
from tests.changelog.conftest import change
from tests.support.transactions import wait_for_older_transactions
from tests.support.waiting import wait_until

PIECES = [*"0157-~:,_.", "-1", "9" * 17, "9" * 18, "9" * 19, "9" * 20, "\u0663", "\n", " ", "5-5", "5:7:5~", "~5-5-5"]

several_writers = pytest.mark.skipif(
    "sqlite" in str(connection.settings_dict["ENGINE"]), reason="SQLite has one writer at a time"
)


class TestOldest:
    """`oldest` returns a cursor that replaces several others."""

    def test_returns_the_earliest_cursor(self, log, write):
        cursors = []
        for number in range(4):
            write(number)
            cursors.append(log.head())
        assert log.oldest(cursors[::-1]) == cursors[0]
        assert [log.mark(cursor).id for cursor in cursors] == sorted({log.mark(cursor).id for cursor in cursors})

    @several_writers
    def test_reads_every_change_that_any_cursor_has_not_seen(self, log, write, read, elsewhere):
        write("before")
        elsewhere.begin()
        elsewhere(write, "long")
        one = log.head()
        write("between")
        other = log.head()
        elsewhere.commit()
        write("behind")
        last = log.head()
        for cursors in ([one, other, last], [last, other], [other, one], [last, one]):
            start = set(read(log.oldest(cursors))[0])
            assert all(set(read(cursor)[0]) <= start for cursor in cursors)
            assert start <= {"long", "between", "behind"}

    @pytest.mark.parametrize("noise", ["", "x", ".", "x.", "x.1", "x.5-5~5", "x.5:7:9~5-5", "." * 100])
    def test_malformed_cursor_has_expired(self, log, noise):
        with pytest.raises(CursorExpired):
            log.oldest([noise])


def test_floor_is_the_change_that_limit_newer_changes_follow(log, write):
    assert log.floor(3) == 0
    write(*range(5))
    ids = list(Change.objects.order_by("id").values_list("id", flat=True))
    assert [log.floor(limit) for limit in (3, 4, 5)] == [ids[1], ids[0], 0]


class TestAppend:
    def test_change_is_read_as_written(self, log):
        cursor = log.head()
        log.append([change(7, routing={"shelf": ["1", None]})])

        [found] = log.read(cursor, limit=10).changes
        assert found == LoggedChange(found.id, "tests.book", "7", "u", {"shelf": ["1", None]})

    def test_unknown_routing_stays_unknown(self, log):
        cursor = log.head()
        log.append([change(1), change(2, routing={})])
        assert [item.routing for item in log.read(cursor, limit=10).changes] == [None, {}]

    def test_unreadable_routing_is_unknown(self, log, write):
        cursor = log.head()
        write(1)
        Change.objects.update(routing="{nonsense")
        assert log.read(cursor, limit=10).changes[0].routing is None

    def test_keys_and_values_of_any_characters(self, log):
        cursor = log.head()
        log.append([change("%s \"'\\ 💥", routing={"shelf": ["💥\"'%"]})])

        [found] = log.read(cursor, limit=10).changes
        assert (found.key, found.routing) == ("%s \"'\\ 💥", {"shelf": ["💥\"'%"]})

    def test_more_changes_than_fit_in_one_statement(self, log, write, read):
        cursor = log.head()
        keys = [str(number) for number in range(ROWS_PER_INSERT + 1)]
        write(*keys)

        reading = log.read(cursor, limit=ROWS_PER_INSERT + 1)
        assert ([item.key for item in reading.changes], reading.complete) == (keys, True)

    def test_append_of_no_changes_writes_nothing(self, log, django_assert_num_queries):
        with django_assert_num_queries(0):
            log.append([])

    def test_time_is_the_current_time(self, write):
        write(1)
        assert abs(Change.objects.get().at / 1000 - time.time()) < 5

    def test_rollback_leaves_nothing(self, log, write, read):
        cursor = log.head()
        with transaction.atomic():
            write(1)
            transaction.set_rollback(True)
        write(2)
        assert read(cursor)[0] == ["2"]

    def test_rollback_to_a_savepoint_keeps_earlier_changes(self, log, write, read):
        cursor = log.head()
        with transaction.atomic():
            write(1)
            with transaction.atomic():
                write(2)
                transaction.set_rollback(True)
            write(3)
        assert read(cursor)[0] == ["1", "3"]

    def test_uncommitted_changes_are_not_read_by_others(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere.begin()
        elsewhere(write, 1)
        assert read(cursor)[0] == []

        elsewhere.commit()
        assert read(cursor)[0] == ["1"]


class TestWakeUps:
    @pytest.fixture
    def woken(self, log, monkeypatch):
        """A list with an item for each time that the hubs were woken."""
        woken = []
        monkeypatch.setattr("realtime.changelog.base.commit_listeners", [woken.append])
        return woken

    def test_commit_wakes_the_hubs_once(self, write, woken):
        with transaction.atomic():
            write(1)
            with transaction.atomic():
                write(2)
            assert woken == []
        assert woken == ["default"]

    def test_rollback_wakes_no_hub(self, write, woken):
        with transaction.atomic():
            write(1)
            transaction.set_rollback(True)
        assert woken == []

    def test_commit_wakes_the_hubs_after_a_rollback_to_a_savepoint(self, write, woken):
        with transaction.atomic():
            with transaction.atomic():
                write(1)
                transaction.set_rollback(True)
            write(2)
        assert woken == ["default"]

    def test_change_outside_a_transaction_wakes_the_hubs_immediately(self, write, woken):
        write(1)
        assert woken == ["default"]


class TestRead:
    def test_no_changes_are_read_twice(self, log, read):
        cursor = log.head()
        keys, after = read(cursor)
        assert (keys, read(after)[0]) == ([], [])

    def test_each_change_is_read_once(self, log, write, read):
        cursor = log.head()
        write(1, 2)
        first, cursor = read(cursor)
        write(3)
        second, cursor = read(cursor)
        assert (first, second, read(cursor)[0]) == (["1", "2"], ["3"], [])

    def test_older_cursor_reads_all_later_changes(self, log, write, read):
        start = log.head()
        write(1)
        middle = log.head()
        write(2)
        assert (read(start)[0], read(middle)[0]) == (["1", "2"], ["2"])

    def test_head_has_seen_all_committed_changes(self, log, write, read):
        write(1)
        assert read(log.head())[0] == []

    def test_another_connection_reads_from_the_same_cursor(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere(write, 1)
        assert read(cursor)[0] == ["1"]
        assert elsewhere(read, cursor)[0] == ["1"]

    def test_cursor_of_another_connection_is_valid(self, log, write, read, elsewhere):
        cursor = elsewhere(log.head)
        write(1)
        assert read(cursor)[0] == ["1"]

    @pytest.mark.parametrize(("count", "complete"), [(3, True), (4, False), (50, False)])
    def test_more_changes_than_the_limit_are_not_returned(self, log, write, read, count, complete):
        cursor = log.head()
        write(*range(count))
        reading = log.read(cursor, limit=3)

        assert (reading.complete, len(reading.changes)) == (complete, 3 if complete else 0)
        assert read(reading.cursor)[0] == []

    def test_reading_takes_one_statement(self, log, write, django_assert_num_queries):
        cursor = log.head()
        write(1)
        with django_assert_num_queries(1):
            log.read(cursor, limit=10)

    def test_cursor_is_short_text(self, log, write):
        write(*range(100))
        assert len(log.head()) < 100
        assert log.head().isascii()


@several_writers
class TestOrderOfCommits:
    """Ids are assigned before commits, so a lower id may become visible after a higher one has been read."""

    def test_lower_id_that_commits_later_is_read(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere.begin()
        elsewhere(write, "early")
        write("late")
        first, cursor = read(cursor)
        elsewhere.commit()
        second, cursor = read(cursor)

        assert (first, second, read(cursor)[0]) == (["late"], ["early"], [])

    def test_head_between_the_commits_reads_the_lower_id(self, log, write, read, elsewhere):
        elsewhere.begin()
        elsewhere(write, "early")
        write("late")
        cursor = log.head()
        elsewhere.commit()
        assert read(cursor)[0] == ["early"]

    def test_head_in_a_log_with_older_changes_reads_the_lower_id(self, log, write, read, elsewhere):
        write("old")
        Change.objects.update(at=int((time.time() - 3600) * 1000))
        elsewhere.begin()
        elsewhere(write, "early")
        write("late")
        cursor = log.head()
        elsewhere.commit()
        assert read(cursor)[0] == ["early"]

    def test_many_lower_ids_that_commit_later_are_read(self, log, write, read, elsewhere):
        cursor = log.head()
        keys = [str(number) for number in range(700)]
        elsewhere.begin()
        elsewhere(write, *keys)
        write("late")
        first, cursor = read(cursor)
        head = log.head()
        elsewhere.commit()

        assert (first, read(cursor)[0], read(head)[0]) == (["late"], keys, keys)

    def test_late_reader_reads_both(self, log, write, read, elsewhere):
        elsewhere.begin()
        elsewhere(write, "early")
        write("late")
        cursor = log.head()
        write("later")
        elsewhere.commit()
        write("last")
        assert read(cursor)[0] == ["early", "later", "last"]

    def test_transaction_that_stays_open_across_many_reads(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere.begin()
        elsewhere(write, "early")
        seen = []
        for number in range(5):
            write(number)
            keys, cursor = read(cursor)
            seen += keys
        elsewhere.commit()
        keys, cursor = read(cursor)
        assert (seen, keys, read(cursor)[0]) == (["0", "1", "2", "3", "4"], ["early"], [])

    def test_rolled_back_transaction_does_not_disturb_reading(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere.begin()
        elsewhere(write, "gone")
        write("late")
        first, cursor = read(cursor)
        elsewhere.rollback()
        write("next")
        second, cursor = read(cursor)
        assert (first, second, read(cursor)[0]) == (["late"], ["next"], [])

    def test_transaction_that_began_before_its_first_change(self, log, write, read, elsewhere):
        elsewhere.begin()
        elsewhere(Change.objects.count)
        cursor = log.head()
        write("first")
        _, cursor = read(cursor)
        elsewhere(write, "second")
        elsewhere.commit()
        assert read(cursor)[0] == ["second"]

    def test_random_transactions_of_several_writers_are_all_read_by_several_readers(self, log):
        """Every reader sees each committed key exactly once, and no key of a rolled back transaction."""
        committed: set[str] = set()
        writers = [threading.Thread(target=write_randomly, args=(log, number, committed)) for number in range(3)]
        start = log.head()
        for writer in writers:
            writer.start()
        seen: list[str] = []
        late_seen: list[str] = []
        cursor, late = start, None
        while any(writer.is_alive() for writer in writers):
            cursor = take(log, cursor, seen)
            late = log.head() if late is None else take(log, late, late_seen)
        cursor = take(log, cursor, seen)

        assert sorted(seen) == sorted(committed)
        assert len(late_seen) == len(set(late_seen))
        assert sorted(item.key for item in log.read(start, limit=10_000).changes) == sorted(committed)


def take(log, cursor, into):
    reading = log.read(cursor, limit=10_000)
    into += [item.key for item in reading.changes]
    return reading.cursor


def write_randomly(log: ChangeLog, number: int, committed: set[str]) -> None:
    chance = random.Random(number)
    try:
        for turn in range(40):
            keys = [f"{number}-{turn}-{part}" for part in range(chance.randint(1, 4))]
            with transaction.atomic():
                for key in keys:
                    log.append([change(key)])
                    time.sleep(chance.random() * 0.004)
                if lost := chance.random() < 0.2:
                    transaction.set_rollback(True)
            if not lost:
                committed.update(keys)
    finally:
        connection.close()


class TestCursors:
    @pytest.mark.parametrize(
        "wreck", [lambda text: text.replace(".", "", 1), lambda text: "x" + text, lambda text: ""]
    )
    def test_damaged_cursor_has_expired(self, log, write, wreck):
        write(1)
        with pytest.raises(CursorExpired):
            log.read(wreck(log.head()), limit=10)

    def test_future_position_has_expired(self, log, write, vendor):
        write(1)
        epoch = log.head().partition(".")[0]
        future = {"sqlite": "900-5", "mysql": "900-5", "postgresql": "9000000:9000000:~900-5"}[vendor]
        with pytest.raises(CursorExpired):
            log.read(f"{epoch}.{future}", limit=10)

    @settings(suppress_health_check=list(HealthCheck), max_examples=150, deadline=None)
    @given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), noise=st.text(max_size=20))
    def test_random_text_is_read_or_has_expired(self, log, pieces, noise):
        """For any cursor that a client sends, the result is a reading or `CursorExpired`."""
        head = log.head()
        epoch, _, position = head.partition(".")
        text = "".join(pieces)
        for cursor in (noise, f"{epoch}.{text}", f"{epoch}.{noise}", head + text, f"{epoch}.{text}{position}"):
            with suppress(CursorExpired):
                log.read(cursor, limit=10)

    def test_huge_cursor_has_expired(self, log, write):
        write(1)
        with pytest.raises(CursorExpired):
            log.read(log.head() + "0" * 100_000, limit=10)

    def test_flushed_log_starts_a_new_epoch(self, log, write, read):
        write(1)
        before = log.head()
        Change.objects.all().delete()
        Log.objects.all().delete()
        with pytest.raises(CursorExpired):
            log.read(before, limit=10)

        log.begin()
        after = log.head()
        write(2)
        assert after.partition(".")[0] != before.partition(".")[0]
        assert read(after)[0] == ["2"]
        with pytest.raises(CursorExpired):
            log.read(before, limit=10)

    def test_cursor_has_expired_in_a_restored_log_with_other_changes(self, log, write, read):
        write(1)
        kept = log.head()
        write(2, 3)
        ahead = log.head()
        lost = list(Change.objects.order_by("id").values("id", "transaction", "model", "operation"))[-2:]
        Change.objects.filter(id__in=[row["id"] for row in lost]).delete()
        Change.objects.bulk_create([Change(**row, key="other", at=1) for row in lost])

        with pytest.raises(CursorExpired):
            log.read(ahead, limit=10)
        if connection.vendor != "postgresql":  # there, a restored log has other transaction ids
            assert read(kept)[0] == ["other", "other"]

    def test_cursor_has_expired_in_a_shorter_restored_log(self, log, write):
        write(1, 2, 3)
        ahead = log.head()
        Change.objects.filter(key__in=["2", "3"]).delete()
        with pytest.raises(CursorExpired):
            log.read(ahead, limit=10)

    @several_writers
    def test_concurrent_begins_create_one_log(self, log, elsewhere):
        Log.objects.all().delete()
        elsewhere.begin()
        elsewhere(Change.objects.count)
        log.begin()
        elsewhere(log.begin)
        elsewhere.commit()
        assert Log.objects.count() == 1

    def test_head_of_a_log_that_has_not_begun_writes_nothing_and_expires(self, log, write):
        Log.objects.all().delete()
        cursor = log.head()
        assert Log.objects.count() == 0
        log.begin()
        write(1)
        with pytest.raises(CursorExpired):
            log.read(cursor, limit=10)


class TestSnapshot:
    def test_all_reads_inside_see_one_state(self, log, write, read, elsewhere):
        log.head()
        write(1)
        with log.snapshot():
            cursor = log.head()
            elsewhere(write, 2)
            assert (read(cursor)[0], Change.objects.count()) == ([], 1)
        assert read(cursor)[0] == ["2"]

    def test_changes_and_rows_have_the_same_state(self, log, write, read, elsewhere):
        cursor = log.head()
        elsewhere(write, 1)
        with log.snapshot():
            keys, cursor = read(cursor)
            elsewhere(write, 2)
            assert len(keys) == Change.objects.count()

    def test_readers_and_writers_do_not_block_each_other(self, log, write, read, elsewhere):
        write(0)
        cursor = log.head()
        elsewhere.begin()
        elsewhere(write, 1)
        with log.snapshot():
            assert read(cursor)[0] == []
            elsewhere.commit()
        assert read(cursor)[0] == ["1"]

    def test_writing_works_after_a_snapshot(self, log, write, read):
        cursor = log.head()
        with log.snapshot():
            pass
        with transaction.atomic():
            write(1)
        assert read(cursor)[0] == ["1"]


class TestPrune:
    @pytest.fixture
    def age(self, log):
        """`age(seconds)` makes all changes this old."""

        def age(seconds: float) -> None:
            Change.objects.update(at=int((time.time() - seconds) * 1000))
            wait_for_older_transactions()

        return age

    def test_old_changes_are_deleted_except_the_newest(self, log, write, age):
        log.head()
        write(1, 2, 3)
        age(3600)
        assert log.prune(older_than=1800) == 2
        assert [row.key for row in Change.objects.all()] == ["3"]

    def test_recent_changes_stay(self, log, write):
        write(1, 2, 3)
        assert (log.prune(older_than=1800), Change.objects.count()) == (0, 3)

    def test_empty_log_has_nothing_to_prune(self, log):
        assert log.prune(older_than=0) == 0

    def test_up_to_date_cursor_survives(self, log, write, read, age):
        write(1, 2, 3)
        age_all_but_mark(log)
        cursor = log.head()
        log.prune(older_than=1800)
        write(4)
        assert read(cursor)[0] == ["4"]

    def test_pruned_cursor_has_expired(self, log, write):
        write(0)
        cursor = log.head()
        write(1, 2, 3)
        age_all_but_mark(log)
        assert log.prune(older_than=1800) == 3
        with pytest.raises(CursorExpired):
            log.read(cursor, limit=10)

    def test_cursor_of_an_empty_log_expires(self, log, write):
        cursor = log.head()
        write(1, 2, 3)
        age_all_but_mark(log)
        log.prune(older_than=1800)
        with pytest.raises(CursorExpired):
            log.read(cursor, limit=10)

    def test_cursor_right_after_the_pruned_changes_survives(self, log, write, read):
        write(1, 2)
        age_all_but_mark(log, mark=False)
        cursor = log.head()
        write(3, 4)
        assert log.prune(older_than=1800) == 2
        assert read(cursor)[0] == ["3", "4"]

    def test_second_pruning_changes_nothing(self, log, write, age):
        write(1, 2, 3)
        age(3600)
        assert [log.prune(older_than=1800), log.prune(older_than=1800)] == [2, 0]

    def test_log_works_after_pruning(self, log, write, read, age):
        write(1, 2, 3)
        age(3600)
        log.prune(older_than=1800)
        cursor = log.head()
        write(4)
        assert read(cursor)[0] == ["4"]

    @several_writers
    def test_concurrent_prunings_do_not_block_each_other(self, log, write, age, elsewhere):
        log.head()
        write(*range(10))
        age(3600)
        elsewhere.begin()
        elsewhere(log.prune, older_than=1800)
        if connection.vendor == "postgresql":
            assert log.prune(older_than=1800) == 0
        elsewhere.commit()
        assert Change.objects.count() == 1


def age_all_but_mark(log: ChangeLog, *, mark: bool = True) -> None:
    old = Change.objects.all()
    if mark:
        old = old.exclude(id=Change.objects.order_by("-id").first().id)
    old.update(at=int((time.time() - 3600) * 1000))
    wait_for_older_transactions()


class TestMoved:
    def test_commit_of_another_connection_is_noticed(self, log, write, elsewhere):
        log.moved()
        elsewhere(write, 1)
        assert wait_until(log.moved, what="the log to move")


def test_missing_table_names_migrate(log, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(log, "log_table", "realtime_log_of_another_name")
        with pytest.raises(DatabaseError) as error:
            log.head()
    connection.close()  # an open transaction would be aborted
    assert str(error.value) == (
        "The database 'default' has no table realtime_log, which the log of changes needs. Run `manage.py migrate`."
    )


@pytest.mark.django_db
def test_index_on_transactions_is_empty_without_transaction_ids():
    with connection.cursor() as cursor:
        indexes = connection.introspection.get_constraints(cursor, Change._meta.db_table)
    assert ("realtime_change_transaction" in indexes) is (connection.vendor == "postgresql")


@pytest.mark.django_db
def test_no_table_refers_to_the_tables_of_other_apps():
    """So the log's tables can be made in a database without users, and users can be deleted by raw SQL."""
    tables = {model._meta.db_table for model in apps.get_app_config("realtime").get_models()}
    with connection.cursor() as cursor:
        found = [connection.introspection.get_constraints(cursor, table).values() for table in tables]
    others = {each["foreign_key"][0] for table in found for each in table if each["foreign_key"]}
    assert others == {"realtime_presence", "realtime_server"}
