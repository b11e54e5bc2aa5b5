"""MySQL and MariaDB: how long the log keeps a gap in the ids, and how a cursor contains it."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, closing

import pytest
from django.db import DataError, OperationalError, connection, transaction

from realtime.changelog import mysql, upkeep
from realtime.changelog.mysql import MySQLChangeLog
from realtime.exceptions import CursorExpired
from realtime.models import Change, Log
from realtime.queries.page import HEAD_ROWS
from tests.support.elsewhere import Elsewhere

pytestmark = pytest.mark.skipif("mysql" not in connection.settings_dict["ENGINE"], reason="about MySQL")


@pytest.fixture
def skip(write):
    """`skip(3)` uses up three ids that never appear."""

    def skip(count: int) -> None:
        with transaction.atomic():
            write(*["lost"] * count)
            transaction.set_rollback(True)

    return skip


@pytest.fixture(autouse=True)
def settled(write):
    """An old change, before which no gaps are kept."""
    write("old")
    Change.objects.update(at=int((time.time() - 3600) * 1000))


def young() -> list[Change]:
    return list(Change.objects.exclude(key="old").order_by("id"))


def gaps(cursor: str) -> list[str]:
    return [gap for gap in cursor.partition("~")[2].split("_") if gap]


def test_gap_is_a_range(log, write, skip, read):
    write(1)
    cursor = log.head()
    skip(3)
    write(2)
    _, cursor = read(cursor)
    before, behind = young()

    # the server may take more ids for a statement than it has rows
    assert behind.id - before.id > 3
    assert gaps(cursor) == gaps(log.head()) == [f"{before.id + 1}-{behind.id - 1}-{behind.at}"]


def test_gap_before_the_first_change_is_one(log, write, skip):
    Change.objects.all().delete()
    skip(1)
    write(1)
    [row] = Change.objects.all()
    assert gaps(log.head()) == [f"1-{row.id - 1}-{row.at}"]


def test_gap_is_dropped_when_the_change_after_it_is_old(log, write, skip, read, monkeypatch):
    cursor = log.head()
    skip(1)
    write(1)
    _, cursor = read(cursor)
    waiting = read(cursor)[1]
    monkeypatch.setattr(mysql, "GAP_SECONDS", -5)  # pretend that time has passed
    given_up = read(cursor)[1]

    assert (len(gaps(waiting)), gaps(given_up), gaps(log.head())) == (1, [], [])


def test_gap_is_dropped_while_changes_keep_arriving(log, write, skip, read):
    cursor = log.head()
    skip(1)
    write(1)
    _, cursor = read(cursor)
    first, last, at = gaps(cursor)[0].split("-")
    cursor = cursor.replace(f"~{first}-{last}-{at}", f"~{first}-{last}-{int(at) - mysql.GAP_SECONDS * 1000}")
    write(2)
    assert gaps(read(cursor)[1]) == []


def test_change_in_a_gap_is_read_by_a_late_reader(log, write, read, elsewhere):
    cursor = log.head()
    elsewhere.begin()
    elsewhere(write, "early")
    write("late")
    _, cursor = read(cursor)
    first, last, at = gaps(cursor)[0].split("-")
    cursor = cursor.replace(f"~{first}-{last}-{at}", f"~{first}-{last}-{int(at) - 3_600_000}")
    elsewhere.commit()
    assert read(cursor)[0] == ["early"]


def test_gap_keeps_the_ids_that_have_not_appeared(log, write, read, elsewhere):
    cursor = log.head()
    elsewhere.begin()
    elsewhere(write, "a")
    with transaction.atomic():
        write("b")
        elsewhere(write, "c")
    elsewhere(write, "d")
    write("e")
    seen, cursor = read(cursor)
    assert (seen, len(gaps(cursor))) == (["b", "e"], 2)

    elsewhere.commit()
    seen, cursor = read(cursor)
    assert (seen, gaps(cursor)) == (["a", "c", "d"], [])


def test_gap_is_split_by_a_change_within_it(log, write, skip, read):
    cursor = log.head()
    skip(5)
    write(1)
    _, cursor = read(cursor)
    first, last, at = gaps(cursor)[0].split("-")
    middle = int(first) + 1
    Change.objects.create(id=middle, model="tests.book", key="middle", operation="u", at=at)

    seen, cursor = read(cursor)
    assert seen == ["middle"]
    assert gaps(cursor) == [f"{first}-{middle - 1}-{at}", f"{middle + 1}-{last}-{at}"]
    assert read(cursor)[0] == []


def test_more_gaps_than_a_cursor_may_have_are_joined_and_none_is_lost(log, write, skip, read, monkeypatch):
    monkeypatch.setattr(mysql, "MAX_GAPS", 4)
    monkeypatch.setattr(mysql, "TEXT_GAPS", 4)
    start = cursor = log.head()
    for number in range(20):
        skip(1)
        write(number)
    _, cursor = read(cursor)
    ids = [row.id for row in Change.objects.order_by("id")]
    missing = sorted(set(range(ids[0], ids[-1])) - set(ids))
    Change.objects.bulk_create(
        [Change(id=id, model="tests.book", key=f"late {id}", operation="u", at=time.time() * 1000) for id in missing]
    )

    assert len(gaps(cursor)) <= 4
    assert set(read(cursor)[0]) >= {f"late {id}" for id in missing}
    assert set(read(start)[0]) >= {f"late {id}" for id in missing}


def test_gaps_of_many_transactions_fit_into_a_cursor(log, write, skip, read):
    cursor = log.head()
    for number in range(mysql.MAX_GAPS + 20):
        skip(1)
        write(number)
    seen, cursor = read(cursor)
    assert (len(seen), len(gaps(cursor)) <= mysql.MAX_GAPS) == (mysql.MAX_GAPS + 20, True)
    read(cursor)
    read(log.head())


def rows_read(function, *args, **options) -> int:
    """Return how many rows the server reads during the call."""

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%%'")
            return sum(int(value) for _, value in cursor.fetchall())

    before = count()
    own = count() - before  # the cost of the count itself
    before = count()
    function(*args, **options)
    return count() - before - own


class TestCheckpoint:
    """`head` starts at the last stored checkpoint."""

    @pytest.fixture
    def bring_forward(self, log):
        def bring_forward() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                log._prune_some(cursor, 0)

        return bring_forward

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch):
        monkeypatch.setattr(upkeep, "MAX_SECONDS", 60)

    def test_rows_read_by_head_do_not_grow_with_the_changes_of_a_minute(self, log, write):
        found = []
        for count in (1, 20):
            for _ in range(count):
                write(*range(1000))
            found.append(rows_read(log.head))
        assert max(found) < 1100
        assert found[1] <= found[0] + 10

    def test_page_reads_few_rows_after_a_long_time_without_readers(self, log, write, read, monkeypatch):
        monkeypatch.setattr(upkeep.Upkeep, "after_commit", lambda *args: None)
        for _ in range(20):
            write(*range(1000))
        assert rows_read(log.head, rows=HEAD_ROWS) < 2 * HEAD_ROWS + 50
        write("new")
        behind = log.read(log.head(rows=HEAD_ROWS), limit=100_000).changes
        assert behind[-1].key == "new"

    def test_ticks_advance_it_if_writers_do_not(self, log, write, monkeypatch):
        monkeypatch.setattr(upkeep.Upkeep, "after_commit", lambda *args: None)
        cursor = log.head()
        for _ in range(5):
            write(*range(1000))
            with log.snapshot():
                cursor = log.read(cursor, limit=100_000).cursor
        assert rows_read(log.head) < 50
        assert log.head() == cursor

    def test_head_is_the_same_as_without_a_checkpoint(self, log, write, skip, bring_forward):
        for number in range(5):
            skip(1)
            write(number)
        before = log.head()
        bring_forward()
        assert log.head() == before

    def test_change_in_a_gap_of_the_checkpoint_is_read_once(self, log, write, read, elsewhere, bring_forward):
        elsewhere.begin()
        elsewhere(write, "early")
        write("late")
        bring_forward()
        before = log.head()
        elsewhere.commit()
        assert read(before)[0] == ["early"]
        assert read(log.head())[0] == []

    def test_older_snapshot_does_not_use_a_newer_one(self, log, write, read, elsewhere, bring_forward):
        def begin() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")

        elsewhere(begin)
        write("unseen")
        bring_forward()
        head = elsewhere(log.head)
        elsewhere(lambda: connection.rollback())
        assert read(head)[0] == ["unseen"]

    def test_checkpoint_of_an_emptied_log_is_not_used(self, log, write, read, bring_forward):
        write(1)
        bring_forward()
        Change.objects.all().delete()
        head = log.head()
        write(2)
        assert read(head)[0] == ["2"]

    def test_pruned_ids_are_no_gaps(self, log, write, read, skip, bring_forward):
        skip(1)
        write(1)
        bring_forward()
        Change.objects.update(at=int((time.time() - 3600) * 1000))
        write(2)
        log.prune(older_than=1800)
        assert Log.objects.get().pruned > 0
        assert (gaps(log.head()), read(log.head())[0]) == ([], [])


def test_cursor_is_short_however_many_transactions_are_rolled_back(log, write, skip, read):
    short = len(log.head())
    cursor = log.head()
    for number in range(80):
        skip(1)
        write(number)
    _, cursor = read(cursor)
    assert max(len(cursor), len(log.head())) <= short + 90


def test_process_that_made_a_short_cursor_reads_nothing_again(log, write, skip, read, elsewhere):
    cursor = log.head()
    elsewhere.begin()
    for number in range(20):
        skip(1)
        write(number)
        if number == 10:
            elsewhere(write, "early")
    _, cursor = read(cursor)
    head = log.head()
    assert (read(cursor)[0], read(head)[0]) == ([], [])
    elsewhere.commit()
    assert (read(cursor)[0], read(head)[0]) == (["early"], ["early"])


def test_another_process_reads_changes_between_joined_gaps_again(log, write, skip, read, elsewhere):
    cursor = log.head()
    elsewhere.begin()
    for number in range(20):
        skip(1)
        write(number)
        if number == 10:
            elsewhere(write, "early")
    _, cursor = read(cursor)
    elsewhere.commit()
    write("new")
    keys = [change.key for change in MySQLChangeLog("default").read(cursor, limit=100).changes]
    assert {"early", "new"} <= set(keys) <= {"early", "new", *map(str, range(20))}


@pytest.mark.parametrize("seed", range(6))
def test_no_position_skips_a_later_commit(log, write, read, seed, monkeypatch):
    """Four writers commit in any order; positions come from this process and others, with and without limits."""
    monkeypatch.setattr(mysql, "ROWS_PER_STEP", 3)
    monkeypatch.setattr(mysql, "CHECKPOINT_ROWS", 2)
    monkeypatch.setattr(upkeep, "CHANGES_PER_PRUNE", 3)
    chance = random.Random(seed)
    committed = set[str]()
    positions: list[tuple[str, set[str]]] = []
    cursor, number = log.head(), 0
    with ExitStack() as stack:
        writers = [stack.enter_context(closing(Elsewhere())) for _ in range(4)]
        open: dict[Elsewhere, list[str]] = {}
        for _ in range(120):
            writer, other = chance.choice(writers), MySQLChangeLog("default")
            match chance.choice(["write", "write", "write", "commit", "commit", "rollback", "head", "tick"]):
                case "write":
                    if writer not in open:
                        writer.begin()
                        open[writer] = []
                    number += 1
                    writer(write, f"{number}")
                    open[writer].append(f"{number}")
                case "commit" if writer in open:
                    writer.commit()
                    committed |= set(open.pop(writer))
                case "rollback" if writer in open:
                    writer.rollback()
                    del open[writer]
                case "head":
                    heads = (log.head(), other.head(), log.head(rows=2), other.head(rows=5))
                    positions += [(head, set(committed)) for head in heads]
                case "tick":
                    with log.snapshot():
                        _, cursor = read(cursor)
                    positions.append((cursor, set(committed)))
        for writer in open:
            writer.commit()
            committed |= set(open[writer])
    for position, seen in positions:
        for reader in (log, MySQLChangeLog("default")):
            keys = {change.key for change in reader.read(position, limit=1000).changes}
            assert committed - seen <= keys


def test_clock_of_this_machine_does_not_matter(log, write, read, elsewhere, monkeypatch):
    cursor = log.head()
    elsewhere.begin()
    elsewhere(write, "early")
    write("late")
    ahead = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: ahead)
    _, cursor = read(cursor)
    head = log.head()
    elsewhere.commit()
    assert (read(cursor)[0], read(head)[0]) == (["early"], ["early"])


def test_cursor_whose_gap_was_pruned_has_expired(log, write, skip, read):
    """A change in the gap may have been committed and pruned since."""
    cursor = log.head()
    skip(1)
    write(1)
    _, cursor = read(cursor)
    [row] = young()
    Change.objects.filter(id=row.id).update(at=row.at - 3_600_000)
    cursor = cursor.replace(f".{row.id}-{row.at}~", f".{row.id}-{row.at - 3_600_000}~")
    write(2)
    read(cursor)
    log.prune(older_than=1800)
    with pytest.raises(CursorExpired):
        log.read(cursor, limit=10)


@pytest.mark.parametrize("listed", ["1", "1-2", "1-2-3-4", "1-2-3_", "a-b-c", "1-2-" + "9" * 19, "~1-2-3"])
def test_damaged_gaps_have_expired(log, write, listed):
    write(1)
    with pytest.raises(CursorExpired):
        log.read(f"{log.head().partition('~')[0]}~{listed}", limit=10)


@pytest.fixture
def steps(write):
    """The server counts in steps of three, like one of several servers of a cluster."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION auto_increment_increment = 3")
        yield
        cursor.execute("SET SESSION auto_increment_increment = DEFAULT")


def test_gaps_of_a_server_that_counts_in_steps_are_merged(log, write, read, steps):
    cursor = log.head()
    for key in range(40):
        write(key)
    keys, cursor = read(cursor)
    assert keys == [str(key) for key in range(40)]
    assert len(gaps(cursor)) <= 2
    assert len(gaps(log.head())) <= 2
    assert (read(cursor)[0], read(log.head())[0]) == ([], [])


def test_late_change_in_a_merged_gap_is_read_once(log, write, read, steps):
    for key in range(10):
        write(key)
    cursor = log.head()
    ids = [row.id for row in young()]
    for late in (ids[4] + 1, ids[4] + 2, ids[7] + 1):
        Change.objects.create(id=late, model="m", key=f"late {late}", operation="u", at=int(time.time() * 1000))
        keys, cursor = read(cursor)
        assert keys == [f"late {late}"]
        assert read(cursor)[0] == []
    write("new")
    assert read(cursor)[0] == ["new"]


@pytest.mark.parametrize(
    "gap", ["5-9-1-0", "5-9-1-1", "9-5-1-2", "1-100000000000000000-1-2", "5-9-1-2-2", "5-9-1-99999"]
)
def test_damaged_steps_have_expired(log, write, gap):
    write(1)
    with pytest.raises(CursorExpired):
        log.read(f"{log.head()}~{gap}".replace("~~", "~"), limit=10)


@pytest.mark.parametrize(
    ("error", "is_value_error"),
    [
        (DataError(1366, "Incorrect string value"), True),  # PyMySQL
        (OperationalError(1366, "Incorrect string value"), True),  # mysqlclient
        (OperationalError(1205, "Lock wait timeout exceeded"), False),
    ],
)
def test_error_about_a_value_is_distinguished_from_other_errors(error, is_value_error):
    assert MySQLChangeLog("default")._is_value_error(error) is is_value_error
