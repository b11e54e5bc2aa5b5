"""The writer's statement runs exactly once, as it would without capture, even if capture fails."""

from __future__ import annotations

import logging

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models.sql import DeleteQuery, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler, SQLInsertCompiler
from django.db.models.sql.constants import CURSOR

from realtime.capture import insert_select, install, orm, rows, statement, transactions
from realtime.capture.tables import Column
from realtime.changelog import get_changelog
from realtime.changelog.commits import in_transaction
from realtime.changelog.upkeep import Upkeep
from realtime.models import Change
from tests.capture.conftest import REREAD, Log, made, updated
from tests.capture.models import Book, Document, Page, Shelf, Tag


@pytest.fixture
def seen(monkeypatch):
    """The statements seen by a library that wraps the compilers, some before and some after capture."""
    found = []

    def wrap(compiler):
        original = compiler.execute_sql

        def execute_sql(self, *args, **kwargs):
            found.append(type(self.query).__name__)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(compiler, "execute_sql", execute_sql)

    orm.unwatch()
    wrap(SQLInsertCompiler)
    install.install()
    wrap(SQLCompiler)
    yield found
    orm.unwatch()
    monkeypatch.undo()
    install.install()


def test_other_wrappers_of_the_compilers_see_every_statement(shelf, seen):
    book = Book.objects.create(shelf=shelf)
    Book.objects.filter(pk=book.pk).update(title="x")
    Book.objects.filter(pk=book.pk)._raw_delete("default")
    assert [name for name in seen if name != "Query"] == ["InsertQuery", "UpdateQuery", "DeleteQuery"]


def test_other_wrappers_of_the_compilers_see_moves_and_deletions_of_all_rows(shelf, other, seen):
    Book.objects.bulk_create([Book(shelf=shelf), Book(shelf=shelf)])
    seen.clear()
    Book.objects.filter(title="").update(shelf=other)
    Book.objects.all()._raw_delete("default")
    assert [name for name in seen if name != "Query"] == ["UpdateQuery", "DeleteQuery"]


def test_statement_returns_its_cursor_on_request(log, shelf):
    """Some libraries execute the compilers themselves."""
    book = Book.objects.create(shelf=shelf, title="a")
    query = Book.objects.filter(pk=book.pk).query.chain(UpdateQuery)
    query.add_update_values({"title": "b"})
    cursor = query.get_compiler("default").execute_sql(CURSOR)
    assert cursor.rowcount == 1
    cursor.close()
    cursor = Book.objects.filter(pk=book.pk).query.chain(DeleteQuery).get_compiler("default").execute_sql(CURSOR)
    assert cursor.rowcount == 1
    cursor.close()
    assert {entry.operation for entry in log.of(Book)} >= {"i", "u", "d"}


def test_number_of_counted_statements(db, capture, vendor, django_assert_num_queries):
    """The counts are those of the documentation on testing."""
    count = 2 if capture == "orm" and vendor != "postgresql" else 1
    with django_assert_num_queries(count):
        document = Document.objects.create(path="a")
    with django_assert_num_queries(count):
        document.save()
    with django_assert_num_queries(count):
        Document.objects.filter(title="").update(title="x")
    with django_assert_num_queries(count):
        Document.objects.bulk_create([Document(path="b"), Document(path="c")])
    with django_assert_num_queries(count) as captured:
        document.delete()
    quoted = connection.ops.quote_name(Change._meta.db_table)
    ours = [query for query in captured if query["sql"].startswith("INSERT INTO") and quoted in query["sql"]]
    assert len(ours) == count - 1


def test_table_that_the_database_refuses_to_copy(log, shelf, capture, vendor, monkeypatch, caplog):
    """An example is a view on MySQL, which has no primary key for FORCE INDEX."""
    if capture != "orm" or vendor == "postgresql":
        pytest.skip("nothing is copied")
    statement._logged_tables.clear()
    book = Book.objects.create(shelf=shelf, title="a")
    log.clear()
    monkeypatch.setattr(insert_select, "select_matching", lambda table, compiler: ("SELECT nothing FROM nowhere", ()))
    monkeypatch.setattr(insert_select.InsertSelect, "_statements", lambda *args: ["INSERT INTO nowhere SELECT 1"])
    book.title = "b"
    book.save()
    book.refresh_from_db()
    assert book.title == "b"
    assert "" in log.keys(Book) or str(book.pk) in log.keys(Book)
    assert caplog.text.count("could not be recorded row by row") == 1


class TestFailureOfCapture:
    """If capture fails, the whole model is reloaded, and the writer gets no error."""

    @pytest.fixture(autouse=True)
    def orm_alone(self, capture):
        if capture == "triggers":
            pytest.skip("triggers run in SQL")
        statement._logged_tables.clear()

    @pytest.fixture
    def broken(self, monkeypatch, shelf, caplog):
        caplog.set_level(logging.ERROR, "realtime.capture")
        book = Book.objects.create(shelf=shelf, title="a")

        def fail(*args, **kwargs):
            raise ValueError("an unexpected value")

        monkeypatch.setattr(orm.cte, "statement_builder", fail)
        monkeypatch.setattr(orm, "insert_select", fail)
        monkeypatch.setattr(Column, "text", fail)
        monkeypatch.setattr(rows, "key_of_values", fail)
        return book

    def test_every_way_to_write(self, broken, shelf, log, caplog):
        book = Book.objects.create(shelf=shelf, title="b")
        assert book.pk is not None
        [one, two] = Book.objects.bulk_create([Book(shelf=shelf), Book(shelf=shelf)])
        if connection.features.can_return_rows_from_bulk_insert:
            assert {one.pk, two.pk} == set(Book.objects.filter(title="").values_list("pk", flat=True))
        broken.title = "c"
        broken.save()
        assert Book.objects.filter(pk=broken.pk).update(title="d", shelf=shelf) == 1
        assert Book.objects.count() == 4
        assert Book.objects.filter(pk=broken.pk)._raw_delete("default") == 1
        assert log.of(Book) == REREAD
        assert caplog.text.count("could not be recorded row by row") == 1

    def test_error_of_the_statement_reaches_the_writer(self, broken, shelf):
        Book.objects.create(isbn="1", shelf=shelf)
        with pytest.raises(IntegrityError), transaction.atomic():
            Book.objects.create(isbn="1", shelf=shelf)


@pytest.mark.skipif(
    "mysql" not in str(connection.settings_dict["ENGINE"]), reason="only MySQL has a character set per table"
)
def test_key_that_the_character_set_of_the_log_cannot_hold(shelves, capture):
    if capture == "triggers":
        pytest.skip("triggers raise if MySQL cannot convert a value")
    table = connection.ops.quote_name(Change._meta.db_table)

    def convert(charset):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset}")

    log = Log()
    convert("latin1")
    try:
        document = Document.objects.create(path="日本")
        document.title = "x"
        document.save()
        assert Document.objects.get().title == "x"
        document.delete()
        assert log.of(Document) >= REREAD
    finally:
        convert("utf8mb4")
        Document.objects.all().delete()


class TestManualTransactions:
    """`set_autocommit(False)`."""

    @pytest.fixture(autouse=True)
    def manual(self, shelves):
        transaction.set_autocommit(False)
        yield
        transaction.rollback()
        transaction.set_autocommit(True)

    @pytest.fixture
    def woken(self, monkeypatch):
        found = []
        monkeypatch.setattr("realtime.changelog.base.commit_listeners", [found.append])
        return found

    def test_writes_are_logged_and_wake_hubs_on_commit(self, shelves, woken, capture, vendor):
        log = Log()
        book = Book.objects.create(shelf=shelves[0])
        Book.objects.filter(pk=book.pk).update(shelf=shelves[1])
        Book.objects.filter(pk=book.pk).delete()
        assert woken == []
        transaction.commit()
        assert {entry.operation for entry in log.of(Book)} == {"i", "u", "d"}
        if (capture, vendor) != ("triggers", "postgresql"):  # where the trigger sends NOTIFY
            assert woken == ["default"]

    def test_rollback_leaves_nothing(self, shelves, woken):
        log = Log()
        Book.objects.create(shelf=shelves[0])
        transaction.rollback()
        assert log.of(Book) == set()
        assert woken == []

    def test_commit_leaves_no_transaction_open(self, shelves, vendor):
        Book.objects.create(shelf=shelves[0])
        transaction.commit()
        if vendor == "postgresql":
            assert connection.connection.info.transaction_status.name == "IDLE"
        elif vendor == "sqlite":
            assert not connection.connection.in_transaction

    @pytest.mark.skipif(
        "postgresql" in str(connection.settings_dict["ENGINE"]), reason="an error aborts the transaction"
    )
    def test_error_of_a_statement_leaves_the_transaction_as_django_does(self, shelves):
        Book.objects.create(isbn="1", shelf=shelves[0])
        with pytest.raises(IntegrityError):
            Book.objects.create(isbn="1", shelf=shelves[0])
        Book.objects.create(isbn="2", shelf=shelves[0])
        transaction.commit()
        assert Book.objects.count() == 2


class TestTransactionUnknownToDjango:
    """Raw SQL has begun the transaction: capture neither ends it nor begins another one."""

    @pytest.fixture
    def raw(self, shelves):
        def execute(sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)

        yield execute
        execute("ROLLBACK") if in_transaction(connection.connection) else None

    @pytest.fixture(autouse=True, params=["driver with status", "driver without status"])
    def driver(self, request, vendor, monkeypatch):
        """mysqlclient does not report whether a transaction is open."""
        if request.param == "driver without status":
            if vendor != "mysql" or not connection.mysql_is_mariadb:
                pytest.skip("only MariaDB checks for an open transaction itself")
            monkeypatch.setattr(transactions, "in_transaction", lambda driver: not driver.get_autocommit())
            monkeypatch.setattr(transactions, "reports_transactions", lambda driver: False)

    def write(self, shelf):
        book = Book.objects.create(shelf=shelf)
        Book.objects.filter(pk=book.pk).update(title="x")
        Book.objects.filter(title="y")._raw_delete("default")  # `delete` begins a transaction itself

    def test_rollback_undoes_both(self, shelves, raw):
        log = Log()
        raw("BEGIN")
        self.write(shelves[0])
        raw("ROLLBACK")
        assert (Book.objects.count(), log.of(Book)) == (0, set())

    def test_commit_keeps_both(self, shelves, raw):
        log = Log()
        raw("BEGIN")
        self.write(shelves[0])
        raw("COMMIT")
        assert (Book.objects.count(), {entry.operation for entry in log.of(Book)}) == (1, {"i", "u"})

    @pytest.mark.skipif("mysql" not in str(connection.settings_dict["ENGINE"]), reason="a variable of MySQL")
    def test_disabled_autocommit_stays_disabled(self, shelves, raw):
        log = Log()
        raw("SET autocommit = 0")
        try:
            self.write(shelves[0])
            assert not connection.connection.get_autocommit()
            raw("ROLLBACK")
            assert (Book.objects.count(), log.of(Book)) == (0, set())
        finally:
            raw("SET autocommit = 1")

    def test_failed_write_without_a_transaction_leaves_none_open(self, shelves, raw):
        Book.objects.create(isbn="1", shelf=shelves[0])
        with pytest.raises(IntegrityError):
            Book.objects.create(isbn="1", shelf=shelves[0])
        assert not in_transaction(connection.connection)
        assert connection.get_autocommit()
        assert not connection.in_atomic_block
        with transaction.atomic():
            Book.objects.create(isbn="2", shelf=shelves[0])
            transaction.set_rollback(True)
        assert Book.objects.count() == 1


@pytest.mark.skipif(
    "mysql" not in str(connection.settings_dict["ENGINE"]), reason="other databases begin transactions as Django does"
)
class TestRoundTripsOfMySQL:
    """Outside a transaction there are four: BEGIN, the statement, its log entries, and COMMIT; or one on MariaDB."""

    @pytest.fixture
    def sent(self, shelves, monkeypatch, capture):
        if capture != "orm":
            pytest.skip("the ORM capture needs a transaction")
        assert get_changelog("default").exists()  # looked up once in a process
        monkeypatch.setattr(Upkeep, "after_commit", lambda *args: None)  # which prunes after one commit in a hundred
        found = []
        driver = connection.connection
        execute = driver._execute_command

        def execute_command(command, sql):
            found.append((sql.decode() if isinstance(sql, bytes) else sql).split(maxsplit=2)[:2])
            return execute(command, sql)

        monkeypatch.setattr(driver, "_execute_command", execute_command)
        return found

    def test_insert(self, sent, shelves):
        Book.objects.create(shelf=shelves[0])
        single = [["START", "TRANSACTION"], ["INSERT", "INTO"], ["INSERT", "INTO"], ["COMMIT"]]
        assert sent == ([["BEGIN", "NOT"]] if connection.mysql_is_mariadb else single)

    def test_insert_of_several_rows(self, sent, shelves):
        Book.objects.bulk_create([Book(shelf=shelves[0]), Book(shelf=shelves[0])])
        assert [sql[0] for sql in sent if sql[0] not in ("SET", "SAVEPOINT")][-3:] == ["INSERT", "INSERT", "COMMIT"]

    def test_update(self, sent, shelves):
        book = Book.objects.create(shelf=shelves[0])
        sent.clear()
        Book.objects.filter(pk=book.pk).update(title="new")
        single = ["START", "UPDATE", "INSERT", "COMMIT"]
        assert [sql[0] for sql in sent] == (["BEGIN"] if connection.mysql_is_mariadb else single)

    def test_update_of_several_rows(self, sent, shelves):
        Book.objects.bulk_create([Book(pk=pk, shelf=shelves[0]) for pk in (1, 2)])
        sent.clear()
        Book.objects.filter(pk__in=[1, 2]).update(title="new")
        assert [sql[0] for sql in sent] == ["START", "UPDATE", "INSERT", "COMMIT"]


class TestRules:
    """PostgreSQL rewrites statements to tables with rules, which can neither return rows nor be part of a CTE."""

    @pytest.fixture(autouse=True)
    def postgresql(self, vendor, capture):
        if vendor != "postgresql" or capture == "triggers":
            pytest.skip("only PostgreSQL has rules")

    @staticmethod
    def rule(event, action="NOTHING", how="INSTEAD"):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE RULE kept AS ON {event} TO capture_book DO {how} {action}")

    def test_delete_that_is_rewritten(self, log, shelf):
        book = Book.objects.create(shelf=shelf)
        log.clear()
        self.rule("DELETE", "UPDATE capture_book SET title = 'gone' WHERE id = OLD.id")
        book.delete()
        assert list(Book.objects.values_list("title", flat=True)) == ["gone"]
        assert log.of(Book) == REREAD

    def test_update_and_insert(self, log, shelf):
        book = Book.objects.create(shelf=shelf)
        log.clear()
        self.rule("UPDATE", "INSERT INTO capture_page (text) VALUES (NEW.title)", how="ALSO")
        Book.objects.filter(pk=book.pk).update(title="x")
        assert log.of(Book) == REREAD
        assert Page.objects.get().text == "x"

    def test_statements_without_a_rule_are_logged_row_by_row(self, log, shelf):
        self.rule("DELETE")
        book = Book.objects.create(shelf=shelf)
        Book.objects.filter(pk=book.pk).update(title="x")
        assert log.of(Book) == {made(book), updated(book)}

    def test_rule_that_was_created_after_the_lookup(self, shelves):
        book = Book.objects.create(shelf=shelves[0])
        Book.objects.filter(pk=0)._raw_delete("default")
        self.rule("DELETE")
        log = Log()
        try:
            Book.objects.filter(pk=book.pk)._raw_delete("default")
            with transaction.atomic():
                Book.objects.filter(pk=book.pk)._raw_delete("default")
            assert Book.objects.count() == 1
            assert log.of(Book) == REREAD
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP RULE kept ON capture_book")

    def test_update_of_a_view_whose_rows_cannot_be_locked(self, log, shelf):
        book = Book.objects.create(shelf=shelf)
        log.clear()
        with connection.cursor() as cursor:
            cursor.execute(
                """SET CONSTRAINTS ALL IMMEDIATE;
                ALTER TABLE capture_book RENAME TO stored_book;
                CREATE VIEW capture_book AS SELECT DISTINCT * FROM stored_book;
                CREATE FUNCTION store() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    UPDATE stored_book SET shelf_id = NEW.shelf_id WHERE id = OLD.id; RETURN NEW; END $$;
                CREATE TRIGGER store INSTEAD OF UPDATE ON capture_book FOR EACH ROW EXECUTE FUNCTION store()"""
            )
        other = Shelf.objects.create()
        assert Book.objects.filter(pk=book.pk).update(shelf=other) == 1
        assert Book.objects.filter(title=book.title).update(shelf=shelf) == 1
        assert log.of(Book) == REREAD

    def test_lookup_is_not_a_counted_query(self, shelf, django_assert_num_queries):
        with django_assert_num_queries(1):
            Book.objects.create(shelf=shelf)


class TestBeforeTheLogExists:
    """`migrate` of another app, and `createsuperuser`, write to live models before the log's tables exist."""

    @pytest.fixture
    def no_log(self, shelves, capture):
        from realtime.capture import triggers

        if capture == "triggers" and connection.vendor == "mysql":
            pytest.skip("without triggers, this capture does not differ, and MariaDB takes long to create them again")
        triggers.remove("default")  # they need the log
        log, self.table = get_changelog("default"), connection.ops.quote_name(Change._meta.db_table)
        self.rename(self.table, "realtime_elsewhere")
        log.forget()
        yield log
        if not log.exists():
            self.make()
        log.forget()
        if capture == "triggers":
            triggers.install("default")

    @staticmethod
    def rename(before, after):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {before} RENAME TO {after}")

    def make(self):
        self.rename("realtime_elsewhere", self.table)

    def test_writes_work(self, no_log, shelves):
        book = Book.objects.create(shelf=shelves[0])
        Book.objects.bulk_create([Book(shelf=shelves[0])])
        book.title = "x"
        book.save()
        book.tags.add(Tag.objects.create())
        assert Book.objects.update(title="y") == 2
        with transaction.atomic():
            book.delete()
        assert Book.objects.count() == 1

    def test_writes_cost_no_extra_statement(self, no_log, shelves, django_assert_num_queries):
        with django_assert_num_queries(1):
            Book.objects.create(shelf=shelves[0])

    def test_revocation_works(self, no_log, django_user_model):
        import realtime

        realtime.revoke(1)

    def test_log_is_written_once_it_exists(self, no_log, shelves, capture):
        Book.objects.create(shelf=shelves[0])
        self.make()
        log = Log()
        book = Book.objects.create(shelf=shelves[0])
        if capture == "orm":
            assert made(book) in log.of(Book)

    def test_commit_after_the_creation_of_the_log_reloads_the_model(self, no_log, shelves, elsewhere, vendor, capture):
        """A page may have been rendered in between, with a cursor of the log."""
        if vendor == "sqlite" or capture == "triggers":
            pytest.skip("SQLite cannot create a table during a write")
        with transaction.atomic():
            Book.objects.create(shelf=shelves[0])
            elsewhere(self.make)
        assert set(Change.objects.values_list("model", "operation")) >= {("capture.book", "r")}


def test_savepoints_add_no_work_at_the_commit(shelves):
    """`update_or_create` makes a savepoint each time; many of them must not slow the commit down."""

    def waiting():
        found = vars(transaction.get_connection()).get("realtime_pending")
        return found and len(found.functions)

    with transaction.atomic():
        Book.objects.update_or_create(isbn="0", defaults={"shelf": shelves[0]})
        after_one = waiting()
        for number in range(1, 5):
            Book.objects.update_or_create(isbn=str(number), defaults={"shelf": shelves[0]})
        assert (connection.run_on_commit, waiting()) == ([], after_one)
    assert models.QuerySet(Book).count() == 5
