"""Models of database views and of tables in another schema: they are captured, or a check names them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models

from realtime import ModelStream, touch
from realtime.capture import install, triggers
from realtime.checks.setup import check_triggers, check_unmanaged
from realtime.streams.registry import registry
from tests.models import Book, Shelf
from tests.queries.conftest import Live
from tests.support.streams import registered


class ThickBook(models.Model):
    """A view of the books with more than ten pages, with the names of their shelves."""

    title = models.CharField(max_length=100)
    place = models.CharField(max_length=100)

    class Meta:
        app_label = "capture"
        managed = False
        db_table = "tests_thick_book"


class Archived(models.Model):
    """A table in another schema."""

    title = models.CharField(max_length=100)

    class Meta:
        app_label = "capture"
        managed = False
        db_table = '"archive"."book"'


class Note(models.Model):
    """A virtual table of SQLite, or a foreign one of PostgreSQL. Django lists both as tables."""

    id = models.AutoField(primary_key=True, db_column="rowid")
    title = models.CharField(max_length=100)

    class Meta:
        app_label = "capture"
        managed = False
        db_table = "tests_memo"


VIEW = """CREATE VIEW tests_thick_book AS SELECT b.id, b.title, s.name AS place FROM tests_book b
    JOIN tests_shelf s ON s.id = b.shelf_id WHERE b.pages > 10"""


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def follow(committed, capture):
    """`follow(model, ...)` registers a stream of all its rows, and captures their changes."""

    def follow(model, **attributes):
        fixed = {"model": model, "fields": ["title"], "authorize": lambda self, user: True}
        stream = type("Made", (ModelStream,), fixed | attributes)
        registry.add("made", stream)
        step()
        return stream

    def step():
        install.install()
        if capture == "triggers":
            triggers.install("default")

    yield follow
    if "made" in registry:
        registry.remove("made")
    step()


@pytest.fixture
def view(committed):
    execute("DROP VIEW IF EXISTS tests_thick_book", VIEW)
    yield
    connection.set_autocommit(True)
    execute("DROP VIEW tests_thick_book")


@pytest.fixture
def schema(committed, vendor):
    if vendor != "postgresql":
        pytest.skip("needs schemas")
    execute("CREATE SCHEMA archive", "CREATE TABLE archive.book (id serial PRIMARY KEY, title varchar(100))")
    yield
    execute("DROP SCHEMA archive CASCADE")


@pytest.fixture
def note(committed, vendor):
    if vendor == "sqlite":
        execute("CREATE VIRTUAL TABLE tests_memo USING fts5(title)")
        yield
        execute("DROP TABLE tests_memo")
    elif vendor == "postgresql":
        execute(
            "CREATE FOREIGN DATA WRAPPER far",
            "CREATE SERVER far FOREIGN DATA WRAPPER far",
            "CREATE FOREIGN TABLE tests_memo (rowid integer, title varchar(100)) SERVER far",
        )
        yield
        execute("DROP FOREIGN DATA WRAPPER far CASCADE")
    else:
        pytest.skip("has neither virtual nor foreign tables")


class TestVirtualOrForeignTable:
    def test_writes_are_followed_without_triggers(self, follow, note, vendor, capture):
        live = Live()
        viewer = live(follow(Note, rows_depend_on=[]))
        if vendor == "postgresql":
            return  # the table of the test cannot be read
        Note.objects.create(title="a")
        Note.objects.update(title="b")
        if capture == "triggers":
            touch(Note.objects)
        live.tick()
        assert viewer.titles == ["b"]

    @pytest.mark.parametrize(("depend", "is_named"), [(None, True), ([], True), (["tests.Book"], False)])
    def test_check_names_it_where_triggers_are_needed(self, follow, note, capture, depend, is_named):
        follow(Note, rows_depend_on=depend)
        found = [warning.id for warning in check_triggers(None, ["default"])]
        assert found == (["realtime.W069"] if is_named and capture == "triggers" else [])


class TestView:
    def test_rows_follow_the_tables_of_the_view(self, follow, view):
        shelf = Shelf.objects.create(name="one")
        book = Book.objects.create(shelf=shelf, title="a", pages=20)
        Book.objects.create(shelf=shelf, title="z", pages=99)
        live = Live()
        viewer = live(follow(ThickBook, fields=["title", "place"], rows_depend_on=["tests.Book", "tests.Shelf"]))
        live.tick()

        Book.objects.filter(pk=book.pk).update(title="b")
        live.tick()
        assert [put["row"]["title"] for put in viewer.delta["puts"]] == ["b"]
        Shelf.objects.update(name="two")
        live.tick()
        assert [row["place"] for row in viewer.rows] == ["two", "two"]
        book.pages = 5
        book.save()
        live.tick()
        assert (viewer.titles, viewer.delta["drops"]) == (["z"], [str(book.pk)])

    def test_check_names_a_view_without_rows_depend_on(self, follow, view):
        follow(ThickBook)
        [warning] = check_unmanaged(None)
        assert (warning.id, warning.msg, warning.hint) == (
            "realtime.W068",
            (
                "Made shows ThickBook, which Django does not manage. If it is a database view, changes of its tables "
                "go unnoticed."
            ),
            (
                'For a view, list the models of its tables: rows_depend_on = ["app.Model"]. For a table, set '
                'rows_depend_on = []; if other programs write to it, also set REALTIME_CAPTURE = "triggers".'
            ),
        )

    @pytest.mark.parametrize("depend", [[], ["tests.Book"]])
    def test_check_accepts_a_view_with_rows_depend_on(self, follow, view, depend):
        follow(ThickBook, rows_depend_on=depend)
        assert (check_unmanaged(None), check_triggers(None, ["default"])) == ([], [])

    def test_one_of_two_streams_of_a_view_names_its_tables(self, follow, view):
        follow(ThickBook, rows_depend_on=["tests.Book"])
        second = type("Second", (ModelStream,), {"model": ThickBook, "fields": ["title"]})
        with registered(second=second):
            assert check_triggers(None, ["default"]) == []

    def test_check_names_a_view_without_triggers(self, follow, view, capture):
        follow(ThickBook)
        if capture == "orm":
            assert check_triggers(None, ["default"]) == []
            return
        [warning] = check_triggers(None, ["default"])
        assert (warning.id, warning.msg, warning.hint) == (
            "realtime.W069",
            (
                "The table tests_thick_book of ThickBook cannot have triggers: it is a database view, a virtual or "
                "foreign table, or in a schema that realtime does not support."
            ),
            (
                "For a view, list the models of its tables in the stream's `rows_depend_on`. After a write to a "
                "virtual or foreign table, call `realtime.touch()`."
            ),
        )
        with pytest.raises(CommandError) as error:
            call_command("realtime_triggers", check=True, stdout=StringIO())
        assert str(error.value) == (
            "These tables cannot have triggers, because they are views, virtual or foreign, or in another schema: "
            "tests_thick_book. Name the models of the tables below a view in `rows_depend_on` of its stream."
        )


class TestSchema:
    def test_rows_of_another_schema_are_followed(self, follow, schema, capture):
        live = Live()
        viewer = live(follow(Archived, rows_depend_on=[]))
        Archived.objects.create(title="a")
        live.tick()
        assert viewer.titles == ["a"]
        Archived.objects.update(title="b")
        live.tick()
        assert viewer.titles == ["b"]
        Archived.objects.all().delete()
        live.tick()
        assert viewer.titles == []
        if capture == "triggers":
            execute("INSERT INTO archive.book (title) VALUES ('c')")
            live.tick()
            assert viewer.titles == ["c"]

    def test_installed_triggers_match(self, follow, schema, capture):
        follow(Archived, rows_depend_on=[])
        assert triggers.outdated_tables("default") == []
        triggers.remove("default")
        expected = ['"archive"."book"'] if capture == "triggers" else []
        assert [name for name in triggers.outdated_tables("default") if "archive" in name] == expected


def test_check_names_a_table_of_an_unsupported_schema(follow, capture, vendor):
    if vendor == "postgresql" or capture == "orm":
        pytest.skip("the schema is supported, or there are no triggers")
    follow(Archived)
    [warning] = check_triggers(None, ["default"])
    assert warning.msg == (
        'The table "archive"."book" of Archived cannot have triggers: it is a database view, a virtual or foreign '
        "table, or in a schema that realtime does not support."
    )
