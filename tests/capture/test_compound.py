"""On MariaDB, an INSERT of one row and its log entries are one statement, which changes nothing for the writer."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from realtime.capture import compound, install
from realtime.capture.orm import unwatch
from realtime.capture.tables import Column
from realtime.changelog.commits import in_transaction
from realtime.models import Change
from tests.capture.conftest import REREAD, Entry, Log, keys, made
from tests.capture.models import Book, Card, Reader, Shelf, Slot, Tag, Ticket

pytestmark = pytest.mark.skipif(
    "mysql" not in str(connection.settings_dict["ENGINE"]), reason="PostgreSQL has CTEs, SQLite no round trips"
)


@pytest.fixture(autouse=True)
def mariadb(shelves, capture):
    if capture != "orm" or not connection.mysql_is_mariadb:
        pytest.skip("only the ORM capture on MariaDB combines statements")


class ExactLog(Log):
    def of(self, model):
        return set(super().of(model))


@pytest.fixture
def log(shelves):
    return ExactLog()


@pytest.fixture
def run(shelves):
    def execute(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else ()

    return execute


@pytest.fixture
def trigger(run):
    """Create a trigger, which the test's end drops."""
    created = []

    def create(time, table, body):
        name = f"compound_{len(created)}"
        run(f"CREATE TRIGGER {name} {time} INSERT ON {table} FOR EACH ROW {body}")
        created.append(name)

    yield create
    for name in created:
        run(f"DROP TRIGGER {name}")


@contextmanager
def refusals_of(monkeypatch):
    """Collect the calls after which the four statements follow."""
    found = []
    original = compound.insert

    def insert(*args):
        try:
            return original(*args)
        except compound.NotRun as error:
            found.append(error.__cause__)
            raise

    with monkeypatch.context() as patch:
        patch.setattr(compound, "insert", insert)
        yield found


def test_each_kind_of_key_is_logged(log, shelves):
    reader = Reader.objects.create(shelf=shelves[1])
    log.clear()
    book = Book.objects.create(shelf=shelves[0], sequel=None)
    given = Book.objects.create(pk=7000, shelf=shelves[0])
    slot = Slot.objects.create(reader=reader, number=3)
    assert log.of(Book) == {made(book), made(given)}
    assert log.keys(Slot) == keys(slot)


def test_row_and_entries_are_committed_and_no_transaction_stays_open(log, shelves, run):
    book = Book.objects.create(shelf=shelves[0])
    run("ROLLBACK")
    assert Book.objects.get() == book
    assert log.of(Book) == {made(book)}
    assert connection.get_autocommit()
    assert not in_transaction(connection.connection)


def test_objects_have_what_the_database_returns(log):
    assert isinstance(Tag.objects.create(name="new").pk, int)
    ticket = Ticket.objects.create(text="new")
    assert Ticket.objects.get() == ticket


@pytest.mark.parametrize("watched", [True, False])
def test_error_is_that_of_the_insert_alone(log, shelves, watched, request):
    if not watched:
        request.addfinalizer(install.install)
        unwatch()
    Book.objects.create(isbn="1", shelf=shelves[0])
    with pytest.raises(IntegrityError) as caught:
        Book.objects.create(isbn="1", shelf=shelves[0])
    assert caught.value.args == (1062, "Duplicate entry '1' for key 'isbn'")
    assert connection.get_autocommit()
    assert not in_transaction(connection.connection)
    assert len(log.of(Book)) == watched


def test_error_of_a_trigger_is_raised_once(log, shelves, trigger):
    trigger("BEFORE", "capture_book", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no books today'")
    with pytest.raises(OperationalError, match="no books today"):
        Book.objects.create(shelf=shelves[0])
    assert not log.of(Book)


def test_key_set_by_a_trigger_reloads_the_model(log, trigger):
    """No generated key tells which row it is, and the last one is that of another row."""
    Tag.objects.create()
    log.clear()
    trigger("BEFORE", "capture_tag", "SET NEW.id = 5000")
    assert Tag.objects.create().pk == 5000
    assert log.of(Tag) == REREAD


def test_keys_generated_by_a_trigger_are_not_the_row(log, trigger, shelves):
    trigger("AFTER", "capture_book", "INSERT INTO capture_tag (name) VALUES ('of a book'), ('and another')")
    book = Book.objects.create(shelf=shelves[0])
    assert log.of(Book) == {made(book)}


@pytest.mark.parametrize("comment", ["", " /* a comment of a wrapper */"])
def test_row_is_not_stored_without_its_entries(log, shelves, trigger, comment):
    """The log is written after the database has returned the key."""

    def add_comment(execute, sql, params, many, context):
        return execute(sql + comment, params, many, context)

    trigger("BEFORE", Change._meta.db_table, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the log is full'")
    with connection.execute_wrapper(add_comment), pytest.raises(OperationalError, match="the log is full"):
        Book.objects.create(shelf=shelves[0])
    assert not Book.objects.exists()
    assert not in_transaction(connection.connection)


def test_interrupted_insert_leaves_no_transaction(log, shelves, run, elsewhere):
    elsewhere(transaction.set_autocommit, False)
    elsewhere(Book.objects.create, isbn="1", shelf=shelves[0])
    run("SET max_statement_time = 0.1")
    try:
        with pytest.raises(OperationalError, match="max_statement_time"):
            Book.objects.create(isbn="1", shelf=shelves[0])
        assert run("SELECT @@in_transaction") == ((0,),)
    finally:
        run("SET max_statement_time = 0")
        elsewhere(transaction.rollback)
        elsewhere(transaction.set_autocommit, True)
    book = Book.objects.create(isbn="1", shelf=shelves[0])
    assert log.of(Book) == {made(book)}


def test_lost_connection_is_closed(log, shelves, run, elsewhere):
    """Without it, the next statement would fail too."""

    thread = connection.connection.thread_id()

    def kill(execute, *args):
        elsewhere(run, f"KILL {thread}")
        return execute(*args)

    with connection.execute_wrapper(kill), pytest.raises(OperationalError):
        Tag.objects.create()
    assert connection.connection is None
    assert Tag.objects.create().pk


def test_server_that_does_not_know_the_syntax_gets_single_statements(log, shelves, run, monkeypatch):
    run("SET sql_mode = CONCAT(@@sql_mode, ',ORACLE')")
    try:
        with refusals_of(monkeypatch) as refusals:
            book = Book.objects.create(shelf=shelves[0])
    finally:
        connection.close()
    assert [error.args[0] for error in refusals] == [1064]
    assert log.of(Book) == {made(book)}


def test_values_that_capture_cannot_express_reload_the_model(log, shelves, monkeypatch, caplog):
    def text(column, value):
        raise ValueError(value)

    monkeypatch.setattr(Column, "text", text)
    with caplog.at_level(logging.CRITICAL, "realtime.capture"):
        Book.objects.create(shelf=shelves[0])
    monkeypatch.undo()
    assert log.of(Book) == REREAD


def test_statements_of_a_field_are_not_taken_for_the_insert(log, shelves, monkeypatch):
    """A field's `pre_save` may read and write, other live rows too."""
    original = Card._meta.get_field("drawer").pre_save

    def pre_save(item, add):
        Tag.objects.create(name=f"{Shelf.objects.count()} {item.name}")
        return original(item, add)

    monkeypatch.setattr(Card._meta.get_field("drawer"), "pre_save", pre_save)
    card = Card.objects.create(name="Ada")
    assert {tag.name for tag in Tag.objects.all()} == {"2 Ada"}
    assert log.of(Card) == {Entry("i", str(card.pk), None)}
    assert log.of(Tag) == {made(tag) for tag in Tag.objects.all()}  # Django 6.1 calls `pre_save` twice


def test_text_keys_keep_the_single_statements():
    """The log may not be able to store them: see `ChangeLog.append`."""
    assert uuid.UUID(str(Reader.objects.create().pk))


def test_several_rows_keep_the_single_statements(log, shelves, monkeypatch):
    with refusals_of(monkeypatch) as refusals:
        books = Book.objects.bulk_create([Book(shelf=shelves[0]), Book(shelf=shelves[1])])
    assert not refusals
    assert log.of(Book) == {made(book) for book in books}
