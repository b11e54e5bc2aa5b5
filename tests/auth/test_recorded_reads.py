"""Recorded reads: checks whose SELECTs still return the same rows are not repeated, and all others are."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import chain

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from realtime.auth import recorded_reads
from realtime.auth.authorization import AuthorizedStream, Request, authorize_request, ground_tables, read_facts
from realtime.auth.identity import Identity
from realtime.auth.recorded_reads import RecordedReads, RepeatedReads
from realtime.protocol.messages import Subscribe
from tests.models import Book, Note, Shelf
from tests.support.logins import new_session
from tests.support.streams import CheckedStream, registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.databases]

TABLES = {"tests_note"}


class Admitted(CheckedStream):
    """The books of a shelf, for users whom a note admits; it may name their audience."""

    authorize_depends_on = ["tests.Note"]
    checked: list[str] = []

    def authorize(self, user, shelf):
        self.checked.append(user.username)
        return Note.objects.filter(text__startswith=f"{user.username}:").exists()

    def audience(self, user, shelf):
        return Note.objects.get(text__startswith=f"{user.username}:").text


@pytest.fixture(autouse=True)
def admitted(committed):
    Admitted.checked.clear()
    connection.ensure_connection()  # its first statements are not reads of the check
    with registered(admitted=Admitted):
        ground_tables.cache_clear()
        yield


@pytest.fixture
def ann() -> User:
    Note.objects.create(text="ann:")
    return User.objects.create_user("ann")


def recorded(check, tables=TABLES):
    reads = RecordedReads()
    with reads.watch():
        check()
    return reads.reads(tables)


RECORDED = {
    "exists": lambda: Note.objects.filter(text="a").exists(),
    "exists not": lambda: Note.objects.filter(text="none").exists(),
    "get": lambda: Note.objects.get(text="a"),
    "first": lambda: Note.objects.order_by("pk").first(),
    "list": lambda: list(Note.objects.all()),
    "count": lambda: Note.objects.count(),
    "two": lambda: [Shelf.objects.filter(pk=1).exists(), Note.objects.count()],
}
NOT_RECORDED = {
    "nothing": lambda: None,
    "another table": lambda: Shelf.objects.filter(pk=1).exists(),
    "present time": lambda: [Note.objects.count(), User.objects.filter(date_joined__lt=timezone.now()).exists()],
    "present seconds": lambda: list(Note.objects.raw("SELECT id, text FROM tests_note WHERE %s > 1.5", [time.time()])),
    "dates of rows": lambda: [Note.objects.count(), User.objects.get(username="dated")],
    "write": lambda: [Note.objects.count(), Note.objects.filter(text="none").update(text="b")],
    "savepoint": lambda: in_savepoint(Note.objects.count),
    "raw cursor that is iterated": lambda: list(executed("SELECT id FROM tests_note")),
    "raw cursor that is not read": lambda: [Note.objects.count(), executed("SELECT id FROM tests_note").close()],
    "raw cursor that is used twice": lambda: executed("SELECT id FROM tests_note").execute("SELECT 1"),
    "number of rows": lambda: [(cursor := executed("SELECT id FROM tests_note")).fetchall(), cursor.rowcount],
    "percent sign": lambda: executed("SELECT id FROM tests_note WHERE text LIKE 'a%'").fetchall(),
    "function": lambda: list(Note.objects.raw("SELECT id, text FROM tests_note WHERE ABS(id) > 0")),
    "several statements": lambda: list(Note.objects.raw("SELECT id, text FROM tests_note WHERE text <> ';'")),
    "many reads": lambda: [Note.objects.count() for _ in range(recorded_reads.MAX_READS + 1)],
}


def in_savepoint(check):
    with transaction.atomic(), transaction.atomic():
        check()


def executed(sql):
    cursor = connection.cursor()
    cursor.execute(sql.replace("tests_note", connection.ops.quote_name("tests_note")))
    return cursor


@pytest.mark.parametrize("check", RECORDED.values(), ids=RECORDED)
def test_reads_that_can_be_repeated(check):
    Note.objects.create(text="a")
    reads = recorded(check)
    assert reads is not None
    assert RepeatedReads().are_same(reads)


@pytest.mark.parametrize("check", NOT_RECORDED.values(), ids=NOT_RECORDED)
def test_checks_that_depend_on_more_than_their_reads(check):
    Note.objects.create(text="a")
    User.objects.create(username="dated")
    assert recorded(check) is None


def test_row_locks_are_not_repeated():
    if not connection.features.has_select_for_update:
        pytest.skip("This database has no row locks.")
    with transaction.atomic():
        assert recorded(lambda: list(Note.objects.select_for_update())) is None


def test_backend_that_is_not_of_django_may_switch_schemas(monkeypatch):
    assert recorded(Note.objects.count) is not None
    monkeypatch.setattr(type(connection._connections[connection._alias]), "__module__", "tenants.backend")
    assert recorded(Note.objects.count) is None


CHANGES = {
    "another row": (lambda: Note.objects.create(text="b"), {"exists", "get", "first"}),
    "the row": (lambda: Note.objects.update(text="c"), {"count"}),
    "no row left": (lambda: Note.objects.all().delete(), set()),
}


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("change", CHANGES)
def test_only_reads_that_return_other_rows_differ(change, together, monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 60.0)
    Note.objects.create(text="a")
    checks = {name: recorded(RECORDED[name]) for name in ("exists", "get", "first", "list", "count")}
    write, same = CHANGES[change]
    write()
    before = [[read._replace(rows=7)] for [read] in checks.values()] if together else []  # the first goes alone
    repeated = RepeatedReads([*chain(*before), *chain(*checks.values())])
    for reads in before:
        repeated.are_same(reads)
    assert {name for name, reads in checks.items() if repeated.are_same(reads)} == same


def test_reads_that_differ_in_their_parameters_are_sent_together(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 60.0)
    for number in range(40):
        Note.objects.create(text=f"{number}")
    checks = [recorded(lambda text=text: Note.objects.get(text=text)) for text in map(str, range(40))]
    Note.objects.filter(text="7").delete()
    Note.objects.create(text="8")
    repeated = RepeatedReads(chain(*checks))
    with django_assert_num_queries(4):  # the first, all others, and once more those that seem to differ
        assert [number for number, reads in enumerate(checks) if not repeated.are_same(reads)] == [7, 8]


def test_no_more_reads_are_sent_together_than_the_time_of_the_first_allows(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 0.0)
    checks = [recorded(lambda number=number: Note.objects.filter(pk=number).exists()) for number in range(5)]
    repeated = RepeatedReads(chain(*checks))
    with django_assert_num_queries(5):
        assert all(map(repeated.are_same, checks))


@pytest.mark.parametrize("form", ["names", "order"])
def test_reads_that_cannot_be_sent_together_are_the_same(form, monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 60.0)
    for text in "abcabc":
        Note.objects.create(text=text)
    if form == "names":
        sql = "SELECT a.id, b.id FROM tests_note a, tests_note b WHERE a.text = %s AND b.text = %s"
        checks = [recorded(lambda text=text: read_all(sql, [text, text])) for text in "abc"]
    else:
        checks = [recorded(lambda text=text: list(Note.objects.filter(text=text).order_by("-pk"))) for text in "abc"]
    assert all(checks)
    repeated = RepeatedReads(chain(*checks))
    assert all(map(repeated.are_same, checks))


def test_rows_in_another_order_differ(monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 60.0)
    shelf = Shelf.objects.create(name="Novels")
    books = [Book.objects.create(shelf=shelf, title=title, pages=pages) for title in "abc" for pages in range(2)]
    in_order = lambda title: Book.objects.filter(title=title).order_by("pages").values_list("pk", flat=True)  # noqa: E731
    checks = [recorded(lambda title=title: list(in_order(title)), {"tests_book"}) for title in "abc"]
    for book in books:
        Book.objects.filter(pk=book.pk).update(pages=9 - book.pages)
    repeated = RepeatedReads(chain(*checks))
    assert [repeated.are_same(reads) for reads in checks] == [False] * 3


def read_all(sql, params):
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("tests_note", connection.ops.quote_name("tests_note")), params)
        return cursor.fetchall()


def test_equal_reads_are_sent_once(django_assert_num_queries):
    reads = [recorded(lambda number=number: Note.objects.filter(pk=number).exists()) for number in (1, 1, 2)]
    reads.append([reads[0][0]._replace(params=(True, True))])  # 1 equals True, but not for the database
    repeated = RepeatedReads()
    with django_assert_num_queries(3):
        for read in reads:
            repeated.are_same(read)


def test_reads_that_fail_together_are_sent_alone(monkeypatch):
    monkeypatch.setattr(recorded_reads, "TOGETHER_SECONDS", 60.0)
    checks = [recorded(lambda number=number: Note.objects.filter(pk=number).exists()) for number in range(3)]
    refused = RefusedUnions()
    repeated = RepeatedReads(chain(*checks))
    with connection.execute_wrapper(refused):
        assert all(map(repeated.are_same, checks))
    assert refused.number == 1


class RefusedUnions:
    """Raises the database's error for a UNION, and counts them."""

    number = 0

    def __call__(self, execute, sql, params, many, context):
        if "UNION" in sql:
            self.number += 1
            raise DatabaseError
        return execute(sql, params, many, context)


def test_read_that_fails_differs():
    [read] = recorded(Note.objects.count)
    assert not RepeatedReads().are_same([read._replace(sql="SELECT nothing FROM nowhere")])


def test_value_without_a_certain_text_proves_nothing():
    fetched = recorded_reads._FetchedRows(None)
    fetched._keep([(1, object())], is_all=True)
    assert fetched.is_void


def subject_of(user) -> AuthorizedStream:
    request = Request(Identity(str(user.pk)), Subscribe(id=1, stream="admitted", params={"shelf": 1}))
    return authorize_request(request, read_facts([request])).answer


def again(user, subject, *, only_rows=True):
    request = Request(Identity(str(user.pk)), subject, only_rows)
    return authorize_request(request, read_facts([request]))


def test_answer_stands_until_its_reads_differ(ann):
    subject = subject_of(ann)
    Note.objects.create(text="bob:")
    Admitted.checked.clear()
    assert (again(ann, subject).stands, Admitted.checked) == (True, [])
    Note.objects.filter(text="ann:").update(text="ann: editor")
    decision = again(ann, subject)
    assert (decision.stands, decision.answer.stream.audience_key) == (False, "ann: editor")


def test_change_of_the_user_repeats_the_check(ann):
    subject = subject_of(ann)
    Admitted.checked.clear()
    assert (again(ann, subject, only_rows=False).stands, Admitted.checked) == (False, ["ann"])


def test_values_cached_on_the_user_are_reads_of_all_checks_of_the_user(ann, monkeypatch):
    def authorize(self, user, shelf):
        if not hasattr(user, "kept"):
            user.kept = Note.objects.filter(text="closed").exists()
        return not user.kept

    monkeypatch.setattr(Admitted, "authorize", authorize)
    requests = [
        Request(Identity(str(ann.pk)), Subscribe(id=1, stream="admitted", params={"shelf": shelf})) for shelf in (1, 2)
    ]
    known = read_facts(requests)
    subjects = [authorize_request(request, known).answer for request in requests]
    Note.objects.create(text="closed")
    assert [again(ann, subject).stands for subject in subjects] == [False, False]


async def test_rows_that_concern_others_repeat_no_check(shelf, ann, elsewhere):
    async with WireClient(Identity(str(ann.pk), await elsewhere.soon(new_session, ann))) as client:
        await client.subscribe("admitted", shelf=shelf.pk)
        Admitted.checked.clear()
        for number in range(5):
            await elsewhere.soon(Note.objects.create, text=f"other{number}:")
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=str(number))
        await until(lambda: len(client.titles()) == 5)
        assert Admitted.checked == []
        await elsewhere.soon(Note.objects.filter(text="ann:").delete)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="later")
        await until(lambda: client.refusals)
        await asyncio.sleep(seconds(0.1))
        assert "later" not in str(client.received)


async def test_session_expires_though_answers_stand(shelf, ann, elsewhere):
    session = await elsewhere.soon(new_session, ann)
    async with WireClient(Identity(str(ann.pk), session)) as client:
        await client.subscribe("admitted", shelf=shelf.pk)
        ends = client.connection._subscriptions._valid_until
        await elsewhere.soon(Note.objects.create, text="other:")
        await until(lambda: client.connection._subscriptions._rechecked_at)
        await until(lambda: not client.connection.peer.session.held)
        assert client.connection._subscriptions._valid_until == ends
        assert ends > asyncio.get_running_loop().time() + timedelta(minutes=1).total_seconds()
