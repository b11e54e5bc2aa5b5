"""REALTIME_UNTRACKED_FIELDS: an UPDATE of what no page shows is no change, and what must be tracked is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import update_last_login
from django.db import connection
from django.utils import timezone

from realtime import ModelStream
from realtime.capture import install
from realtime.capture.untracked import untracked_fields
from realtime.checks.setup import check_untracked_fields
from realtime.models import Change
from realtime.streams.registry import registry
from tests.models import Book, Shelf
from tests.queries.conftest import Live
from tests.shapes.desk import statements
from tests.support.streams import registered

pytestmark = pytest.mark.databases

User = get_user_model()


@pytest.fixture(autouse=True)
def capture() -> str:
    return "orm"  # triggers log them all the same


@pytest.fixture
def owner(settings: Any, committed: None) -> Iterator[Any]:
    """The owner of a book, of whose row nothing but the last login is untracked."""
    settings.REALTIME_UNTRACKED_FIELDS = ["auth.User.last_login", "tests.Book.pages"]
    install.install()
    user = User.objects.create(username="ann")
    Book.objects.create(shelf=Shelf.objects.create(name="one"), title="a", owner=user)
    yield user
    settings.REALTIME_UNTRACKED_FIELDS = []
    install.install()


def logged(write: Any) -> list[str]:
    before = set(Change.objects.values_list("pk", flat=True))
    write()
    return sorted(Change.objects.exclude(pk__in=before).values_list("model", flat=True))


def save(user: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(user, name, value)
    user.save(update_fields=list(fields))


@pytest.mark.parametrize("kind", ["orm", "signals"])
def test_login_writes_no_change(owner, settings, kind):
    settings.REALTIME_CAPTURE = kind
    install.install()
    assert logged(lambda: update_last_login(None, owner)) == []
    assert logged(lambda: save(owner, last_login=timezone.now(), first_name="Ann")) == ["auth.user"]
    owner.first_name = "Anna"
    assert logged(owner.save) == ["auth.user"]
    settings.REALTIME_CAPTURE = "orm"


def test_logins_of_many_ask_no_live_query(owner):
    live = Live()
    viewer = live("books", shelf=Shelf.objects.get().pk)
    User.objects.bulk_create(User(username=str(number)) for number in range(200))
    live.tick()
    User.objects.update(last_login=timezone.now())
    User.objects.bulk_update([owner], ["last_login"])
    with statements() as found:
        live.tick()
    assert viewer.delta is None
    assert [sql for sql in found.only if "tests_book" in sql] == []
    User.objects.filter(pk=owner.pk).update(username="anna", last_login=timezone.now())
    live.tick()
    assert viewer.rows[0]["owner.username"] == "anna"


def test_save_that_changes_nothing_asks_no_live_query(owner):
    if connection.vendor != "sqlite":
        pytest.skip("this capture does not know the values before")
    live = Live()
    viewer = live("books", shelf=Shelf.objects.get().pk)
    User.objects.get().save()
    with statements() as found:
        live.tick()
    assert [sql for sql in found.only if "tests_book" in sql] == []
    User.objects.update(username="anna")
    live.tick()
    assert viewer.rows[0]["owner.username"] == "anna"


def test_field_that_a_stream_shows_is_tracked(owner):
    """Of a book the stream shows `pages`, whatever the setting says."""
    assert logged(lambda: Book.objects.filter(title="a").update(pages=9)) == ["tests.book"]


class Asking(ModelStream):
    model = Book
    fields = ["id"]
    allow_anonymous = True

    def get_queryset(self) -> Any:
        return Book.objects.filter(owner__last_login__isnull=False)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("auth.User.password", "access may depend on it"),
        ("auth.Group.name", "access may depend on it"),
        ("tests.Book.pages", "BookStream.fields shows it"),
        ("tests.Book.shelf", "only a column that is no key and no relation can be untracked"),
        ("tests.Book.id", "only a column that is no key and no relation can be untracked"),
        ("tests.Book.colour", "there is no such field"),
        ("Book", "there is no such field"),
    ],
)
def test_field_that_must_be_tracked_is_an_error(settings, label, problem):
    settings.REALTIME_UNTRACKED_FIELDS = [label]
    assert [each.problem for each in untracked_fields()] == [problem]
    [found] = check_untracked_fields(None)
    assert (found.id, found.msg, found.hint) == (
        "realtime.E013",
        f"REALTIME_UNTRACKED_FIELDS names {label!r}, but {problem}.",
        'Name fields as "app_label.Model.field", or remove it from the setting.',
    )


def test_field_by_which_a_stream_finds_its_rows_is_an_error(settings):
    settings.REALTIME_UNTRACKED_FIELDS = ["auth.User.last_login"]
    assert check_untracked_fields(None) == []
    with registered(asking=Asking):
        [found] = check_untracked_fields(None)
    assert found.msg.endswith("but the QuerySet of Asking reads it.")


def test_last_login_is_tracked_where_access_reads_it(settings, monkeypatch):
    settings.REALTIME_UNTRACKED_FIELDS = ["auth.User.last_login"]
    monkeypatch.setattr(registry.get("books"), "authorize_depends_on", ["auth.User"])
    assert [each.problem for each in untracked_fields()] == ["access may depend on it"]
