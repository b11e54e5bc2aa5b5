"""Own rows: which authorization checks use only the user's own rows, and which users a change therefore affects."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from realtime.auth.authorization import Request, authorize_request, read_facts
from realtime.auth.identity import Identity
from realtime.auth.own_rows import OwnRows, own_columns
from realtime.auth.revocation import Access, AccessDependencies
from realtime.changelog import get_changelog
from realtime.protocol.messages import Subscribe
from tests.models import Book, Shelf
from tests.support.logins import new_session
from tests.support.streams import CheckedStream, registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.databases]

COLUMNS = {"tests_book": frozenset(["owner_id"])}


class Members(CheckedStream):
    """The books of a shelf, for users who own one of them."""

    authorize_depends_on = ["tests.Book"]
    checked: list[int] = []

    def authorize(self, user, shelf):
        self.checked.append(user.pk)
        return Book.objects.filter(owner=user, shelf=shelf).exists()


@pytest.fixture(autouse=True)
def members(committed):
    Members.checked.clear()
    with registered(members=Members):
        own_columns.cache_clear()
        yield


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


def is_proved(user, check) -> bool:
    rows = OwnRows(str(user.pk))
    with rows.watch():
        check(user)
    return rows.prove(COLUMNS)


PROVED = {
    "exists": lambda user: Book.objects.filter(owner=user, shelf=1).exists(),
    "relation": lambda user: user.book_set.filter(shelf=1).exists(),
    "key": lambda user: Book.objects.filter(owner_id=user.pk, title__in=["a", "b"], pages__gte=3).exists(),
    "count": lambda user: Book.objects.filter(owner=user).count(),
    "first": lambda user: Book.objects.filter(owner=user, pages__isnull=False).order_by("title").first(),
    "list": lambda user: list(Book.objects.filter(owner=user).select_related("shelf")),
    "joined": lambda user: Shelf.objects.filter(pk=1, books__owner=user).exists(),
    "user's key": lambda user: Book.objects.filter(owner__pk=user.pk, owner__username="ann").exists(),
    "two": lambda user: [Shelf.objects.filter(pk=1).exists(), Book.objects.filter(owner=user).exists()],
}
NOT_PROVED = {
    "nothing": lambda user: None,
    "another table": lambda user: Shelf.objects.filter(pk=1).exists(),
    "everybody's": lambda user: Book.objects.filter(shelf=1).exists(),
    "all": lambda user: list(Book.objects.all()),
    "somebody else's": lambda user: Book.objects.filter(owner=user.pk + 1).exists(),
    "either": lambda user: Book.objects.filter(Q(owner=user) | Q(shelf=1)).exists(),
    "all but": lambda user: Book.objects.exclude(owner=user).exists(),
    "not": lambda user: Book.objects.filter(~Q(owner=user), shelf=1).exists(),
    "own, then everybody's": lambda user: [Book.objects.filter(owner=user).count(), Book.objects.count()],
    "own, and everybody's of the same table": lambda user: Book.objects.filter(
        owner=user, shelf__books__title="a"
    ).exists(),
    "subquery": lambda user: Book.objects.filter(owner=user, shelf__in=Book.objects.values("shelf")).exists(),
    "correlated": lambda user: Book.objects.filter(
        Exists(Book.objects.filter(shelf=OuterRef("shelf"))), owner=user
    ).exists(),
    "left join": lambda user: list(Shelf.objects.filter(Q(books__owner=user) | Q(name="a"))),
    "other column": lambda user: Book.objects.filter(shelf=user.pk).exists(),
    "other's column": lambda user: Shelf.objects.filter(pk=user.pk, books__title="a").exists(),
    "compared with a column": lambda user: Book.objects.filter(owner=F("shelf")).exists(),
    "raw": lambda user: list(Book.objects.raw("SELECT * FROM tests_book WHERE owner_id = %s OR 1 = 1", [user.pk])),
    "union": lambda user: list(Book.objects.filter(owner=user).union(Book.objects.all())),
    "write": lambda user: [Book.objects.filter(owner=user).exists(), Book.objects.filter(owner=user).update(pages=1)],
    "transaction": lambda user: in_savepoint(lambda: Book.objects.filter(owner=user).exists()),
    "function": lambda user: Book.objects.filter(owner=user, title__icontains="a").exists(),
}


def in_savepoint(check):
    with transaction.atomic(), transaction.atomic():
        check()


@pytest.mark.parametrize("check", PROVED.values(), ids=PROVED)
def test_statements_that_read_only_own_rows(ann, check):
    assert is_proved(ann, check)


@pytest.mark.parametrize("check", NOT_PROVED.values(), ids=NOT_PROVED)
def test_statements_that_may_read_rows_of_others(ann, check):
    assert not is_proved(ann, check)


def test_table_without_a_model_may_be_a_view(ann):
    quote = connection.ops.quote_name

    def understands(table):
        column = f"{quote(table)}.{quote('owner_id')}"
        return OwnRows("1")._is_understood(f"SELECT {column} FROM {quote(table)} WHERE {column} = %s", (ann.pk,))

    assert (understands("tests_book"), understands("books_of_all")) == (True, False)


def uses_own_rows(user) -> bool:
    request = Request(Identity(str(user.pk)), Subscribe(id=1, stream="members", params={"shelf": 1}))
    answer = authorize_request(request, read_facts([request])).answer
    return getattr(answer, "by_own_rows", None)


def test_authorization_reports_whether_it_used_own_rows_only(ann, shelf, monkeypatch):
    Book.objects.create(pk=1, shelf=Shelf.objects.get_or_create(pk=1)[0], title="a", owner=ann)
    assert uses_own_rows(ann) is True
    monkeypatch.setattr(Members, "authorize", lambda self, user, shelf: Book.objects.filter(shelf=shelf).exists())
    assert uses_own_rows(ann) is False


def test_values_cached_on_the_user_affect_all_checks_of_the_user(ann, monkeypatch):
    """One check may store all users' rows in an attribute that the next check uses."""
    Book.objects.create(pk=1, shelf=Shelf.objects.get_or_create(pk=1)[0], title="a", owner=ann)

    def authorize(self, user, shelf):
        if not hasattr(user, "kept"):
            user.kept = Book.objects.count()
        return Book.objects.filter(owner=user).exists()

    monkeypatch.setattr(Members, "authorize", authorize)
    requests = [
        Request(Identity(str(ann.pk)), Subscribe(id=1, stream="members", params={"shelf": shelf})) for shelf in (1, 2)
    ]
    known = read_facts(requests)
    assert [authorize_request(request, known).answer.by_own_rows for request in requests] == [False, False]


def access(write) -> Access:
    log = get_changelog("default")
    log.begin()
    before = log.head()
    write()
    return AccessDependencies().access(log.read(before, limit=1000).changes)


def test_change_names_the_user_of_the_row(ann, shelf):
    key = str(ann.pk)
    made = access(lambda: Book.objects.create(shelf=shelf, title="a", owner=ann))
    assert made == Access(owners={"members": frozenset([key])})
    assert access(lambda: Book.objects.create(shelf=shelf, title="b")) == Access(owners={"members": frozenset()})
    # a row without a known user may belong to anyone
    several = access(lambda: [Book.objects.create(shelf=shelf, title="c"), Book.objects.update(owner=F("owner"))])
    assert several.streams == {"members"} or several.owners == {"members": frozenset([key])}


async def test_rows_of_other_users_cause_no_check_and_no_delay(shelf, ann, elsewhere):
    bob = await elsewhere.soon(User.objects.create_user, "bob")
    for user in (ann, bob):
        await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"of {user.username}", owner=user)
    other = await elsewhere.soon(Shelf.objects.create, name="other")
    async with WireClient(Identity(str(ann.pk), await elsewhere.soon(new_session, ann))) as client:
        await client.subscribe("members", shelf=shelf.pk)
        Members.checked.clear()
        for number in range(5):
            await elsewhere.soon(Book.objects.create, shelf=other, title="noise", owner=bob)
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=str(number), owner=bob)
        await until(lambda: len(client.titles()) == 7)
        assert Members.checked == []
        await elsewhere.soon(Book.objects.filter(owner=ann).delete)
        await until(lambda: client.refusals)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="later", owner=bob)
        await asyncio.sleep(seconds(0.1))
        assert "later" not in str(client.received)


async def test_access_through_rows_of_others_is_checked_again(shelf, ann, elsewhere, monkeypatch):
    monkeypatch.setattr(
        Members, "authorize", lambda self, user, shelf: not Book.objects.filter(shelf=shelf, title="closed").exists()
    )
    bob = await elsewhere.soon(User.objects.create_user, "bob")
    async with WireClient(Identity(str(ann.pk), await elsewhere.soon(new_session, ann))) as client:
        await client.subscribe("members", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="closed", owner=bob)
        await until(lambda: client.refusals)
        assert "closed" not in str([message for message in client.received if message["type"] == "frame"])


async def test_rows_of_others_that_change_during_a_check(shelf, ann, elsewhere, monkeypatch):
    """The check has not ended, so it may depend on these rows; if it does, it runs again."""
    bob = await elsewhere.soon(User.objects.create_user, "bob")
    reached, go_on = threading.Event(), threading.Event()
    checked: list[bool] = []

    def authorize(self, user, shelf):
        if not checked:
            return checked.append(True) or Book.objects.filter(owner=user).count() > 0
        allowed = not Book.objects.filter(shelf=shelf, title="closed").exists()
        checked.append(allowed)
        reached.set()
        go_on.wait(seconds(20))
        return allowed

    monkeypatch.setattr(Members, "authorize", authorize)
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="own", owner=ann)
    async with WireClient(Identity(str(ann.pk), await elsewhere.soon(new_session, ann))) as client:
        await client.subscribe("members", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="also own", owner=ann)
        await until(reached.is_set)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="closed", owner=bob)
        await until(lambda: client.connection._subscriptions._others_rows)
        go_on.set()
        await until(lambda: client.refusals)
        assert checked == [True, True, False]
        assert "closed" not in str([message for message in client.received if message["type"] == "frame"])
