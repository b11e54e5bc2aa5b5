"""System checks: each names the thing, the rule and the remedy."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from django.core.checks import run_checks
from django.db import connection

from realtime import ModelStream, event, live_value
from realtime.checks.setup import check_database_versions, check_databases
from realtime.conf import names
from realtime.streams.registry import registry
from tests.models import Book, Note
from tests.shapes.models import Slug
from tests.streams import BookStream
from tests.support.limits import limit
from tests.support.streams import no_streams

pytestmark = pytest.mark.django_db


def found() -> list[tuple[str, str, str]]:
    messages = run_checks(tags=["realtime"])
    # the test project has events, and no channel layer unless a test sets one
    return [(message.id, message.msg, message.hint) for message in messages if message.id != "realtime.W005"]


@pytest.fixture
def declare():
    """`declare(fields=...)`: a stream of books, registered; only what is named differs from a right one."""

    def declare(**attributes):
        fixed = {"model": Book, "fields": ["id"], "get_queryset": lambda self, shelf: Book.objects.all()}
        fixed |= {"authorize": lambda self, user, **params: True, "audience": lambda self, user, **params: None}
        registry.add(
            "made", type("Made", (ModelStream,), {k: v for k, v in (fixed | attributes).items() if v is not ...})
        )

    with no_streams():
        yield declare


def error(message: str, hint: str, id: str = "E001") -> list[tuple[str, str, str]]:
    return [(f"realtime.{id}", message, hint)]


def test_test_project_is_right():
    assert found() == []


def test_stream_that_is_right(declare):
    declare(partition_by=["shelf"], depends_on=["owner", "tags", "shelf__books"], template_name="tests/book.html")
    assert found() == []


def personal(self, user, **params):
    return user.pk


def with_page(annotation):
    def get_queryset(self, page=1):
        return Book.objects.all()

    get_queryset.__annotations__ = {"page": annotation}
    return get_queryset


def of_shelves(self, shelf: tuple[int, ...] = ()):
    return Book.objects.all()


SLUGS = {"model": Slug, "fields": ["title"], "get_queryset": lambda self: Slug.objects.all(), "audience": personal}
BOOKS_FIELDS = "It has: id, owner, pages, shelf, tags, title."


@pytest.mark.parametrize(
    ("attributes", "message", "hint"),
    [
        ({"model": ...}, "Made has no model.", "Set `model` to the model of its rows."),
        ({"fields": ["titel"]}, "Made.fields names 'titel', but Book has no field 'titel'.", BOOKS_FIELDS),
        ({"fields": ["titel.x"]}, "Made.fields names 'titel.x', but Book has no field 'titel'.", BOOKS_FIELDS),
        (
            {"fields": ["shelf.nam"], "depends_on": ["shelf"]},
            "Made.fields names 'shelf.nam', but Shelf has no field 'nam'.",
            "It has: books, id, name.",
        ),
        (
            {"fields": ["tags"]},
            "Made.fields names 'tags', which has many values.",
            "Name a property of the model that returns a list, and put the relation into `depends_on`.",
        ),
        ({"fields": "id"}, "Made.fields is a string.", "Make it a list of strings."),
        ({"partition_by": "shelf"}, "Made.partition_by is a string.", "Make it a list of strings."),
        ({"depends_on": "owner"}, "Made.depends_on is a string.", "Make it a list of strings."),
        (
            {"depends_on": ["autor"]},
            "Made.depends_on cannot be followed: Book has no field named 'autor'.",
            "Name relations of the model, with `__` between steps.",
        ),
        (
            {"depends_on": ["title"]},
            "Made.depends_on cannot be followed: Book.title leads to no model.",
            "Name relations of the model, with `__` between steps.",
        ),
        (
            {"depends_on": ["shelf__titel"]},
            "Made.depends_on cannot be followed: Shelf has no field named 'titel'.",
            "Name relations of the model, with `__` between steps.",
        ),
        ({"audience_by": ["tags"]}, "Made.audience_by is ['tags'].", 'Name one relation: audience_by = "members".'),
        (
            {"audience_by": "autor", "audience": personal},
            "Made.audience_by cannot be followed: Book has no field named 'autor'.",
            "Name a relation of the model to what `audience` returns, with `__` between steps.",
        ),
        (
            {"audience_by": "title__x", "audience": personal},
            "Made.audience_by cannot be followed: title leads to no model.",
            "Name a relation of the model to what `audience` returns, with `__` between steps.",
        ),
        (
            {"audience_by": "owner", "audience": ModelStream.audience},
            "Made.audience_by shows no rows: every user has the audience None.",
            "Define `audience`, for example to return user.pk.",
        ),
        (
            {"audience_by": "shelf", "partition_by": ["shelf"], "audience": personal},
            "Made.audience_by names 'shelf', which is in partition_by too.",
            "Remove it from partition_by, and from the parameters.",
        ),
        (
            {"audience_by": "title", **SLUGS},
            "Made.audience_by needs a model with an integer or a UUID as primary key, which Slug does not have.",
            "Remove audience_by.",
        ),
        (
            {"template_name": "no/such.html"},
            "Made.template_name names a template that does not exist: 'no/such.html'.",
            "Create it in a templates folder that Django searches.",
        ),
        (
            {"partition_by": ["title"]},
            "Made.partition_by names 'title', which is not a parameter of get_queryset.",
            "Add it: def get_queryset(self, title): ...",
        ),
        (
            {"get_queryset": of_shelves, "partition_by": ["shelf"]},
            "Made.partition_by names 'shelf', which takes several values.",
            "Remove it from partition_by, or let the parameter take a single value.",
        ),
        (
            {"get_queryset": lambda self, tags: Book.objects.all(), "partition_by": ["tags"]},
            "Made.partition_by names 'tags', which is not a field of Book.",
            "Name fields that are columns of the model's own table.",
        ),
        (
            {"get_queryset": lambda self, colour: Book.objects.all(), "partition_by": ["colour"]},
            "Made.partition_by names 'colour', which is not a field of Book.",
            "Name fields that are columns of the model's own table.",
        ),
        (
            {"get_queryset": lambda self, *shelves: Book.objects.all()},
            "Made.get_queryset takes arguments without names.",
            "Name each parameter of the stream: def get_queryset(self, project): ...",
        ),
        (
            {"get_queryset": lambda self, **params: Book.objects.all()},
            "Made.get_queryset takes arguments without names.",
            "Name each parameter of the stream: def get_queryset(self, project): ...",
        ),
        (
            {"get_queryset": with_page(Annotated[int | None, msgspec.Meta(ge=1)])},
            "No value can be converted to the annotation of 'page' in Made.get_queryset.",
            "Put limits on a type that supports them: `Annotated[int, Meta(ge=1)] | None`.",
        ),
        (
            {"authorize": lambda self, user: True},
            "Made.authorize does not take the parameters of get_queryset.",
            "Declare it as def authorize(self, user, shelf).",
        ),
        (
            {"audience": lambda self, user, shelves: None},
            "Made.audience does not take the parameters of get_queryset.",
            "Declare it as def audience(self, user, shelf).",
        ),
        (
            {"get_queryset": lambda self: Book.objects.all(), "authorize": lambda self: True},
            "Made.authorize does not take the parameters of get_queryset.",
            "Declare it as def authorize(self, user).",
        ),
        (
            {"changes_at": lambda self, shelf: None},
            "Made.changes_at takes arguments, or is a coroutine.",
            "Declare it as def changes_at(self): the stream's parameters are in self.params.",
        ),
        ({"paginate_by": 0}, "Made.paginate_by is 0.", "Set it to a positive number of rows, or to None."),
        (
            {"get_queryset": lambda self, page: Book.objects.all(), "paginate_by": 5, "partition_by": []},
            "Made.get_queryset takes 'page', which `paginate_by` reserves.",
            "Remove it, because `paginate_by` slices the rows, or give your parameter another name.",
        ),
        (
            {"rows_depend_on": ["tests.Nothing"]},
            "Made.rows_depend_on names no model: App 'tests' doesn't have a 'Nothing' model.",
            'Name models as "app_label.Model".',
        ),
        (
            {"count": live_value(lambda self, extra: 1)},
            "The live value Made.count takes arguments.",
            "Remove them: the stream's parameters are in self.params.",
        ),
    ],
)
def test_declaration_that_cannot_work(declare, attributes, message, hint):
    declare(**attributes)
    assert found() == error(message, hint)


@pytest.mark.parametrize(
    ("queryset", "message", "hint"),
    [
        (list, "get_queryset of Made returned list.", "Return a QuerySet of Book."),
        (
            Note.objects.all,
            "get_queryset of Made returned a QuerySet of Note.",
            "Return one of Book, the stream's model.",
        ),
        (
            lambda: Book.objects.all().union(Book.objects.all()),
            "get_queryset of Made returned a union(), whose rows cannot be filtered by key.",
            "Join the conditions with Q objects: filter(Q(...) | Q(...)).",
        ),
        (
            lambda: Book.objects.order_by("?"),
            "get_queryset of Made orders at random, differently in every query.",
            "Order by a field, and store a random number in it.",
        ),
        (
            Book.objects.select_for_update,
            "get_queryset of Made locks its rows with select_for_update().",
            "Leave that to actions; live rows are only read.",
        ),
    ],
)
def test_queryset_that_cannot_be_live(declare, queryset, message, hint):
    declare(get_queryset=lambda self: queryset())
    assert found() == error(message, hint, "E006")


def test_queryset_that_has_no_sql_is_named(declare):
    declare(get_queryset=lambda self: Book.objects.order_by("pages__nothing"))
    hint = "Evaluate the QuerySet in `manage.py shell` and fix the error."
    message = "get_queryset of Made returned a QuerySet that cannot be compiled to SQL: "
    [(id, text, found_hint)] = found()
    assert (id, text[: len(message)], found_hint) == ("realtime.E006", message, hint)


def test_queryset_that_needs_real_parameters_is_left_alone(declare):
    def fails(self, shelf):
        raise RuntimeError("secret")

    declare(get_queryset=fails)
    assert found() == []


def test_template_that_cannot_be_read(declare, settings, tmp_path):
    (tmp_path / "wrong.html").write_text("{% if %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    declare(template_name="wrong.html")
    [(id, message, hint)] = found()
    assert (id, hint) == ("realtime.E001", "Fix it.")
    assert message.startswith("The template 'wrong.html' of Made cannot be read: ")


def test_name_that_is_taken(declare):
    class Other(ModelStream):
        model = Book

    try:
        registry.add("books", BookStream)
        registry.add("books", Other)
        assert found() == error(
            "The stream 'books' is registered twice: tests.streams.BookStream and "
            "tests.checks.test_setup.test_name_that_is_taken.<locals>.Other.",
            "Give one of them another name; until then the first one is used.",
            "E002",
        )
    finally:
        registry.problems.clear()


def test_setting_that_does_not_exist(settings):
    settings.REALTIME_COLOUR = "red"
    assert found() == error(
        "The setting REALTIME_COLOUR does not exist.", f"Settings: {', '.join(sorted(names()))}.", "E003"
    )


def test_setting_with_a_wrong_value(settings):
    limit(settings, window_frames=0)
    assert found() == error(
        'The setting REALTIME_LIMITS["window_frames"] is 0, which is not a positive int.',
        "The default is 256.",
        "E003",
    )


@pytest.mark.parametrize("value", [None, ""])
def test_no_asgi_application(settings, value):
    settings.ASGI_APPLICATION = value
    assert found() == error(
        "ASGI_APPLICATION is not set, so `runserver` cannot route WebSockets.",
        (
            "Run `manage.py realtime_init`, or set it to 'realtime.asgi.application' or to the application in your "
            "asgi.py."
        ),
        "E004",
    )


def test_no_daphne(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "daphne"]
    assert found() == error(
        "'daphne' is not in INSTALLED_APPS, so `runserver` does not serve WebSockets.",
        "Add 'daphne' to the top of INSTALLED_APPS, or run another ASGI server.",
        "W001",
    )


def test_database_without_a_log(declare, monkeypatch):
    from django.db import connection

    vendor = type(connection._connections[connection._alias]).vendor
    monkeypatch.setattr(type(connection._connections[connection._alias]), "vendor", "oracle")
    declare()
    messages = [(message.id, message.msg, message.hint) for message in check_databases(None)]
    assert vendor != "oracle"
    assert messages == error(
        "The database 'default' is oracle, which realtime does not support.",
        "Keep live models in one of: mysql, postgresql, sqlite.",
        "E005",
    )


@pytest.mark.parametrize("method", [lambda self: None, lambda self, *values: None, lambda self, user, **values: None])
def test_event_that_does_not_say_what_it_takes(declare, method):
    declare(typing=event(method))
    assert found() == error(
        "The event Made.typing does not declare its values.",
        "Declare it as def typing(self, user, ...), with a name and a type for each value.",
    )


def test_presence_that_is_none(declare):
    declare(presence="yes")
    assert found() == error(
        "Made.presence is 'yes'.", "Set it to True, or to a class derived from realtime.PresenceStream."
    )


def test_presence_that_is_right(declare):
    declare(presence=True, partition_by=["shelf"])
    assert found() == []


def test_events_that_reach_one_process_only(settings):
    [message] = [message for message in run_checks(tags=["realtime"]) if message.id == "realtime.W005"]
    assert (
        message.msg == "Events of MessageStream, OwnStream, TalkStream reach only clients of the same server process."
    )
    settings.DEBUG = True
    assert "realtime.W005" not in {message.id for message in run_checks(tags=["realtime"])}


@pytest.mark.parametrize(
    "setting",
    [
        {"BACKEND": "nowhere.Layer"},
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": "redis://127.0.0.1"}},
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"colour": "red"}},
    ],
)
def test_channel_layer_that_cannot_be_made(settings, setting):
    settings.CHANNEL_LAYERS = {"default": setting}
    [(id, message, hint)] = found()
    assert id == "realtime.E007"
    assert message.startswith("The channel layer cannot be created: ")
    assert "channels_redis.pubsub.RedisPubSubChannelLayer" in hint


def test_channel_layer_in_memory(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    assert found() == error(
        "The channel layer is in memory, so it does not reach other server processes.",
        "For several processes, use channels_redis.pubsub.RedisPubSubChannelLayer. For one, silence it.",
        "W002",
    )


def test_database_that_is_too_old(monkeypatch):
    monkeypatch.setattr(connection.features, "minimum_database_version", (99,))
    [(id, message, hint)] = [
        (message.id, message.msg, message.hint)
        for message in check_database_versions(None, databases=["default", "elsewhere"])
    ]
    assert (id, hint) == ("realtime.E009", "Upgrade the database server; Django refuses to connect to this version.")
    assert message.startswith("The database 'default' is too old: ")
    assert "99 or later is required" in message
