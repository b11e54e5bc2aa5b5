"""On MariaDB, a write of one row and its log entries are one statement, which changes nothing for the writer."""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.models import F, Func
from django.db.models.expressions import RawSQL

from realtime.capture import compound, install, orm
from realtime.capture.orm import unwatch
from realtime.capture.tables import Column
from realtime.changelog.commits import in_transaction
from realtime.models import Change
from tests.capture.conftest import REREAD, Entry, Log, keys, made, updated
from tests.capture.models import Book, Card, Reader, Shelf, Slot, Tag, Ticket, Town
from tests.support.waiting import seconds, wait_until

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

    def create(time, table, body, event="INSERT"):
        name = f"compound_{len(created)}"
        run(f"CREATE TRIGGER {name} {time} {event} ON {table} FOR EACH ROW {body}")
        created.append(name)

    yield create
    for name in created:
        run(f"DROP TRIGGER {name}")


@contextmanager
def refusals_of(monkeypatch):
    """Collect the calls after which the four statements follow."""
    found = []
    original = compound.run

    def run(*args):
        try:
            return original(*args)
        except compound.NotRun as error:
            found.append(error.__cause__)
            raise

    with monkeypatch.context() as patch:
        patch.setattr(compound, "run", run)
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


def test_text_keys_keep_the_single_statements(log, shelves, run):
    """The log may not be able to store them: see `ChangeLog.append`."""
    table = Change._meta.db_table
    run(f"ALTER TABLE {table} CONVERT TO CHARACTER SET latin1")
    try:
        town = Town.objects.create(code="\N{BLACK CHESS KNIGHT}")
        town.save()
    finally:
        Change.objects.all().delete()
        run(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4")
    assert Town.objects.get() == town


def test_several_rows_keep_the_single_statements(log, shelves, monkeypatch):
    with refusals_of(monkeypatch) as refusals:
        books = Book.objects.bulk_create([Book(shelf=shelves[0]), Book(shelf=shelves[1])])
    assert not refusals
    assert log.of(Book) == {made(book) for book in books}


@pytest.fixture
def book(shelves, log):
    book = Book.objects.create(pk=7000, shelf=shelves[0], isbn="1")
    log.clear()
    return book


@pytest.fixture
def single(monkeypatch):
    """Check that each write is one statement."""

    def run_recorded(record, table, *args):
        raise AssertionError(f"A write to {table.name} is not one statement.")

    with monkeypatch.context() as patch:
        patch.setattr(orm, "run_recorded", run_recorded)
        yield


def test_saved_object_is_logged_in_its_old_and_new_place(log, book, shelves, single):
    book.title = "a"
    book.save()
    assert log.of(Book) == {updated(book)}
    log.clear()
    book.shelf = shelves[1]
    book.save()
    assert log.of(Book) == {updated(book, moved_from=shelves[0])}
    assert Book.objects.get().shelf == shelves[1]


def test_each_update_of_one_row_is_one_statement(log, book, shelves, single, django_assert_num_queries):
    reader = Reader.objects.create(shelf=shelves[1])
    slot = Slot.objects.create(reader=reader, number=3)
    for write in (
        lambda: book.save(force_update=True),
        lambda: book.save(update_fields=["title"]),
        lambda: book.save(update_fields=["shelf"]),
        lambda: Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1),
        lambda: Book.objects.filter(pk__in=[book.pk]).update(title="b"),
        lambda: slot.save(),
        lambda: Slot.objects.filter(pk=slot.pk).update(text="b"),
        lambda: reader.save(),
    ):
        with django_assert_num_queries(1):
            write()
    assert log.of(Book) == {updated(book)}
    assert log.keys(Slot) == keys(slot)


def test_select_on_save(log, book, single, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(Book._meta, "select_on_save", True)
    with django_assert_num_queries(2):
        book.save()
    assert log.of(Book) == {updated(book)}


def test_update_of_no_row_logs_nothing(log, book, shelves, single, django_assert_num_queries):
    absent = Book(pk=404, shelf=shelves[0])
    with pytest.raises(DatabaseError, match="did not affect any rows"):
        absent.save(force_update=True)
    assert Book.objects.filter(pk=404).update(title="b") == 0
    assert Book.objects.filter(pk=404).update(shelf=shelves[1]) == 0
    assert log.of(Book) == set()
    with django_assert_num_queries(2):
        absent.save()
    assert log.of(Book) == {made(absent)}


def test_result_is_that_of_the_update_alone(log, book, shelves, single, monkeypatch):
    """Without `CLIENT.FOUND_ROWS`, an unchanged row does not count."""
    rows = Book.objects.filter(pk=book.pk)
    assert [rows.update(title=title) for title in "aab"] == [1, 1, 1]
    assert [rows.update(shelf=shelf) for shelf in (*shelves, shelves[1])] == [1, 1, 1]
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "client_flag", 0)
    try:
        assert [rows.update(title=title) for title in "aab"] == [1, 0, 1]
        assert [rows.update(shelf=shelf) for shelf in (*shelves, shelves[1])] == [1, 1, 0]
    finally:
        connection.close()


def test_result_counts_no_rows_of_a_trigger(log, book, shelves, single, trigger):
    trigger("AFTER", "capture_book", "INSERT INTO capture_tag (name) VALUES ('of a book'), ('and another')", "UPDATE")
    assert Book.objects.filter(pk=book.pk).update(title="b") == 1
    assert Book.objects.filter(pk=book.pk).update(shelf=shelves[1]) == 1
    assert Tag.objects.count() == 4


@pytest.mark.parametrize("watched", [True, False])
def test_error_is_that_of_the_update_alone(log, book, shelves, trigger, watched, request):
    if not watched:
        request.addfinalizer(install.install)
        unwatch()
    other = Book.objects.create(shelf=shelves[0])
    log.clear()
    with pytest.raises(IntegrityError) as caught:
        Book.objects.filter(pk=other.pk).update(isbn="1", shelf=shelves[1])
    assert caught.value.args == (1062, "Duplicate entry '1' for key 'isbn'")
    with pytest.raises(IntegrityError, match="foreign key"):
        Book.objects.filter(pk=other.pk).update(shelf=404)
    with pytest.raises(IntegrityError) as caught:
        Book.objects.filter(pk=other.pk).update(pages=None)
    assert caught.value.args == (1048, "Column 'pages' cannot be null")
    with pytest.raises(ProgrammingError, match="near 'SQL\\) WHERE"):
        Book.objects.filter(pk=other.pk).update(pages=RawSQL("no SQL", ()))
    trigger("BEFORE", "capture_book", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no change today'", "UPDATE")
    with pytest.raises(OperationalError, match="no change today"):
        other.save()
    assert connection.get_autocommit()
    assert not in_transaction(connection.connection)
    assert log.of(Book) == set()


@pytest.mark.parametrize("values", [{"title": "b"}, {"shelf": "second"}])
def test_row_is_not_changed_without_its_entries(log, book, shelves, trigger, values):
    values = {name: shelves[1] if name == "shelf" else value for name, value in values.items()}
    trigger("BEFORE", Change._meta.db_table, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the log is full'")
    with pytest.raises(OperationalError, match="the log is full"):
        Book.objects.filter(pk=book.pk).update(**values)
    assert Book.objects.filter(title="", shelf=shelves[0]).exists()
    assert not in_transaction(connection.connection)


def test_interrupted_update_leaves_no_transaction(log, book, run, elsewhere):
    elsewhere.begin()
    elsewhere(lambda: Book.objects.filter(pk=book.pk).update(title="held"))
    run("SET max_statement_time = 0.1")
    try:
        with pytest.raises(OperationalError, match="max_statement_time"):
            book.save()
        assert run("SELECT @@in_transaction") == ((0,),)
    finally:
        run("SET max_statement_time = 0")
        elsewhere.commit()
    book.save()
    assert log.of(Book) == {updated(book)}


def test_lock_that_is_not_granted_is_waited_for_once(log, book, run, elsewhere):
    statements = []

    def count(execute, sql, *args):
        statements.append(sql)
        return execute(sql, *args)

    elsewhere.begin()
    elsewhere(lambda: Book.objects.filter(pk=book.pk).update(title="held"))
    run("SET innodb_lock_wait_timeout = 1")
    try:
        with connection.execute_wrapper(count), pytest.raises(OperationalError, match="Lock wait timeout"):
            book.save()
        assert len(statements) == 1
    finally:
        connection.close()
        elsewhere.rollback()
    assert log.of(Book) == set()


def test_computed_value_is_logged_with_the_old_one(log, book, shelves, single):
    Book.objects.filter(pk=book.pk).update(shelf=Func(shelves[1].pk, function="ABS"))
    book.refresh_from_db()
    assert log.of(Book) == {updated(book, moved_from=shelves[0])}


def test_object_without_a_shelf_is_logged_with_its_old_and_its_new_one(log, shelves, single):
    reader = Reader.objects.create(shelf=shelves[0])
    log.clear()
    for before, after in ((shelves[0], None), (None, None), (None, shelves[1])):
        reader.shelf = after
        reader.save()
        assert log.of(Reader) == {updated(reader, moved_from=before) if before != after else updated(reader)}
        log.clear()


def test_deleted_object_is_one_statement(log, book, shelves, single, django_assert_num_queries):
    key = book.pk
    reader = Reader.objects.create(shelf=shelves[1])
    slot = Slot.objects.create(reader=reader, number=3)
    slots = keys(slot)
    log.clear()
    with django_assert_num_queries(1):
        assert Book.objects.filter(pk=key)._raw_delete("default") == 1
    with django_assert_num_queries(1):
        assert Slot.objects.filter(pk=slot.pk)._raw_delete("default") == 1
    assert log.of(Book) == {Entry("d", str(key), (str(shelves[0].pk),))}
    assert log.keys(Slot) == slots
    assert not in_transaction(connection.connection)


def test_delete_of_no_row_logs_nothing(log, book, single):
    assert Book.objects.filter(pk=404)._raw_delete("default") == 0
    assert log.of(Book) == set()


def test_error_is_that_of_the_delete_alone(log, book, shelves, trigger):
    with pytest.raises(IntegrityError, match="foreign key"):
        Shelf.objects.filter(pk=shelves[0].pk)._raw_delete("default")
    trigger("BEFORE", "capture_book", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it stays'", "DELETE")
    with pytest.raises(OperationalError, match="it stays"):
        Book.objects.filter(pk=book.pk)._raw_delete("default")
    assert not in_transaction(connection.connection)
    assert log.of(Book) == log.of(Shelf) == set()
    assert Book.objects.get() == book


def test_row_is_not_deleted_without_its_entry(log, book, trigger):
    trigger("BEFORE", Change._meta.db_table, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the log is full'")
    with pytest.raises(OperationalError, match="the log is full"):
        Book.objects.filter(pk=book.pk)._raw_delete("default")
    assert Book.objects.get() == book


@pytest.fixture
def as_writer(run):
    """Return a context in which the connection is that of a user who may write books, but read only their keys."""
    name, names = f"w{uuid.uuid4().hex[:20]}", connection.settings_dict
    database = connection.ops.quote_name(names["NAME"])
    run(f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'")
    for rights, table in (
        ("UPDATE, DELETE, SELECT (id)", "capture_book"),
        ("ALL", Change._meta.db_table),
    ):
        run(f"GRANT {rights} ON {database}.{table} TO {name}@'%'")

    @contextmanager
    def writer():
        own = names["USER"], names["PASSWORD"]
        connection.close()
        names["USER"], names["PASSWORD"] = name, "secret"
        try:
            yield
        finally:
            connection.close()
            names["USER"], names["PASSWORD"] = own

    yield writer
    run(f"DROP USER {name}@'%'")


@pytest.mark.parametrize("in_transaction", [False, True])
def test_user_who_must_not_read_the_table_writes_as_without_capture(log, book, shelves, as_writer, in_transaction):
    Book.objects.create(shelf=shelves[0])
    log.clear()
    rows = Book.objects.filter(pk=book.pk)
    key = str(book.pk)
    with as_writer(), transaction.atomic() if in_transaction else nullcontext():
        assert rows.update(title="b") == 1
        assert rows.update(shelf=shelves[1]) == 1
        assert rows._raw_delete("default") == 1
        assert Book.objects.all()._raw_delete("default") == 1
    assert log.of(Book) >= {Entry("u", key, None), Entry("d", key, None), *REREAD}
    assert not Book.objects.exists()


def test_changed_key_reloads_the_model(log, shelves, single):
    slot = Slot.objects.create(reader=Reader.objects.create(shelf=shelves[1]), number=3)
    log.clear()
    assert Slot.objects.filter(pk=slot.pk).update(number=4) == 1
    assert [entry.operation for entry in log.of(Slot)] == ["r"]


@pytest.mark.parametrize("in_transaction", [False, True])
def test_row_that_is_inserted_before_the_update_finds_it_is_logged(
    log, book, shelves, trigger, run, elsewhere, in_transaction
):
    """The copy has found no row. The trigger's table holds up the UPDATE, until the row is there."""
    trigger("AFTER", "capture_book", "INSERT INTO capture_tag (name) VALUES ('of a book')", "UPDATE")

    def update():
        try:
            with transaction.atomic() if in_transaction else nullcontext():
                return Book.objects.filter(pk=404).update(shelf=shelves[1])
        finally:
            connection.close()

    waiting = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND db = DATABASE()"
    elsewhere(run, "LOCK TABLES capture_tag WRITE")
    with ThreadPoolExecutor(1) as pool:
        try:
            updating = pool.submit(update)
            wait_until(lambda: run(waiting), what="the UPDATE to wait for the trigger's table")
            Book.objects.create(pk=404, shelf=shelves[0])
        finally:
            elsewhere(run, "UNLOCK TABLES")
        assert updating.result(seconds(10)) == 1
    assert log.of(Book) >= {Entry("u", "404", None)}
