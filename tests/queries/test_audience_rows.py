"""The rows of all audiences come from one QuerySet: each audience is shown those that `audience_by` leads to it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.exceptions import StreamDefinitionError
from realtime.protocol.patches import make_patch
from realtime.queries.queryset import queryset_problem
from tests.models import Book, Shelf, Tag
from tests.shapes.desk import Desk
from tests.shapes.models import Card, Comment, Lane, Letter, Person, Ticket, Uuid
from tests.shapes.models import Tag as CardTag

pytestmark = pytest.mark.databases

NUMBER = 6


def stream(get_queryset: Any = lambda self: Book.objects.order_by("title"), **options: Any) -> Any:
    members = {"get_queryset": get_queryset, "audience": lambda self, user: user.pk, "__module__": __name__}
    base = {"name": "mine", "model": Book, "fields": ["id", "title", "shown"], "depends_on": ["tags"]}
    return type("Mine", (ModelStream,), {**base, "audience_by": "tags", **members, **options})


@pytest.fixture
def tags(committed: None) -> list[Tag]:
    return Tag.objects.bulk_create([Tag(name=str(number)) for number in range(NUMBER)])


@pytest.fixture
def books(tags: list[Tag]) -> list[Book]:
    """The first is for all, and each other one for one audience."""
    shelf = Shelf.objects.create(name="one")
    books = [Book.objects.create(shelf=shelf, title="m"), *(Book.objects.create(shelf=shelf, title=t) for t in "dhtz")]
    books[0].tags.set(tags)
    for book, tag in zip(books[1:], tags, strict=False):
        book.tags.add(tag)
    return books


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    shown: list[int] = []
    monkeypatch.setattr(Book, "shown", property(lambda self: shown.append(self.pk)), raising=False)
    return shown


def titles(tag: Tag, rows: Any = None) -> list[str]:
    rows = Book.objects.all() if rows is None else rows
    return list(rows.filter(tags=tag).order_by("title", "pk").values_list("title", flat=True))


@pytest.mark.parametrize("number", [2, NUMBER])
def test_row_for_all_is_read_by_as_many_statements_as_a_row_for_two(live, books, tags, shown, number):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[:number]]
    for title in ("a", "k", "zz"):
        shown.clear()
        Book.objects.filter(pk=books[0].pk).update(title=title)
        with CaptureQueriesContext(connection) as queries:
            live.tick()
        asked = [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]
        assert len(asked) == 3  # the row's audiences, its place for each, and the row
        assert len(shown) == 1
        assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags[:number]]


def test_row_is_read_once_for_all_groups_of_audiences(live, books, tags, shown, monkeypatch):
    monkeypatch.setattr("realtime.queries.family.MOST_AUDIENCES", 2)
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    Book.objects.filter(pk=books[0].pk).update(title="a")
    with CaptureQueriesContext(connection) as queries:
        live.tick()
    assert sum("tests_book" in query["sql"] for query in queries.captured_queries) == 1 + NUMBER // 2 + 1
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]


def test_audiences_who_were_sent_a_row_alike_share_its_patch(live, books, tags, shown, monkeypatch):
    made: list[bytes] = []
    monkeypatch.setattr("realtime.queries.sent.make_patch", lambda old, new: made.append(new) or make_patch(old, new))
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[2:]]
    Book.objects.filter(pk=books[3].pk).update(title="z, for the first of them alone")
    live.tick()
    for pages in (1, 2):
        made.clear()
        Book.objects.filter(pk=books[0].pk).update(title=f"{'m' * 50} {pages}")
        live.tick()
    assert len(made) == 1
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags[2:]]


def test_rows_that_enter_and_leave_audiences_do_so_for_these_alone(live, books, tags, shown):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    books[0].tags.remove(tags[0], tags[1])
    books[1].tags.set(tags[2:4])
    books[2].delete()
    Book.objects.filter(pk=books[3].pk).update(title="b")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]
    books[0].tags.set(tags)
    Book.objects.filter(pk=books[0].pk).update(title="c")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]


def test_row_is_gone_in_the_tick_in_which_its_link_goes_although_it_changes_too(live, books, tags, shown):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[:3]]
    Book.objects.filter(pk=books[0].pk).update(title="secret")
    books[0].tags.remove(tags[1])
    live.tick()
    assert [viewer.delta for viewer in viewers][1] == {"drops": [str(books[0].pk)]}
    assert ["secret" in viewer.titles for viewer in viewers] == [True, False, True]


def test_audience_that_has_missed_changes_gets_whole_rows_beside_others(live, books, tags, shown):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[:3]]
    Book.objects.filter(pk=books[0].pk).update(title="a")
    live.tick()
    viewers.append(live(kind, audience=tags[3].pk))
    for title in ("b", "c"):
        Book.objects.filter(pk=books[0].pk).update(title=title)
        live.tick()
        assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags[:4]]


def looks(self: Any) -> Any:
    rows = Book.objects.all()
    return rows.filter(pages=0) if self.audience == Tag.objects.earliest("pk").pk else rows


def asks_for_type(self: Any) -> Any:
    return Book.objects.filter(tags=self.audience) if isinstance(self.audience, int) else Book.objects.all()


def counts(self: Any) -> Any:
    return Book.objects.filter(tags=int(self.audience))


def asks_twice(self: Any) -> Any:
    return Book.objects.filter(tags=self.audience, pages__lt=self.audience)


def asks_by_itself(self: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT book_id FROM tests_book_tags WHERE tag_id = %s", [self.audience])
        return Book.objects.filter(pk__in=[pk for (pk,) in cursor.fetchall()])


def keeps(self: Any) -> Any:
    self.kept = self.audience
    return Book.objects.filter(tags=self.audience)


@pytest.mark.parametrize("get_queryset", [looks, asks_for_type, counts, asks_twice, asks_by_itself, keeps])
def test_queryset_that_reads_the_audience_is_made_for_each(live, books, tags, shown, get_queryset):
    kind = stream(get_queryset)
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    for number, title in enumerate("abc"):
        Book.objects.filter(pk=books[0].pk).update(title=title, pages=number)
        live.tick()
        for viewer, tag in zip(viewers, tags, strict=True):
            assert viewer.titles == titles(tag, get_queryset(viewer.stream))


def test_queryset_that_reads_the_audience_cannot_widen_what_it_sees(live, books, tags, shown):
    kind = stream(lambda self: Book.objects.order_by("title") if self.audience else Book.objects.none())
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    Book.objects.filter(pk=books[1].pk).update(title="x")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]


def test_queryset_that_changes_for_all_is_read_as_it_is_now(live, books, tags, shown):
    least = ["a"]
    kind = stream(lambda self: Book.objects.filter(title__gte=least[0]).order_by("title"))
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    Book.objects.filter(pk=books[0].pk).update(title="n")
    live.tick()
    least[0] = "p"
    Book.objects.filter(pk=books[0].pk).update(title="o")
    live.tick()
    Book.objects.filter(pk=books[0].pk).update(title="q")
    live.tick()
    assert all("q" in viewer.titles and "n" not in viewer.titles for viewer in viewers)


def test_queryset_that_joins_the_same_relation_shows_nobody_the_rows_of_others(live, books, tags, shown):
    """The row for all has the tag "5" too; the others have only the tags of their audiences."""
    kind = stream(lambda self: Book.objects.filter(tags__name="5").order_by("title"))
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    assert all(viewer.titles == ["m"] for viewer in viewers)
    books[2].tags.add(tags[5])
    books[0].tags.remove(tags[0])
    live.tick()
    assert [viewer.titles for viewer in viewers] == [[], ["h", "m"], ["m"], ["m"], ["m"], ["h", "m"]]


RANKED = Window(RowNumber(), order_by="title")


@pytest.mark.parametrize(
    "get_queryset",
    [
        lambda self: Book.objects.annotate(shown=F("pages") + 1).order_by("title"),
        lambda self: Book.objects.annotate(shown=Count("tags")).order_by("title"),
        lambda self: Book.objects.annotate(shown=RANKED).order_by("title"),
        lambda self: Book.objects.annotate(shown=Count("tags")).order_by("title")[:2],
        lambda self: Book.objects.filter(tags__isnull=False).distinct().order_by("title"),
        lambda self: Book.objects.order_by("-title")[1:],
    ],
)
def test_annotations_and_slices_are_those_of_the_audiences_own_rows(live, books, tags, get_queryset):
    kind = stream(get_queryset, fields=["title"])
    viewers = [live(kind, audience=tag.pk) for tag in tags]

    def expected(tag: Tag) -> list[str]:
        rows = get_queryset(None)
        low, high = rows.query.low_mark, rows.query.high_mark
        rows.query.clear_limits()
        own = [row.title for row in rows if row.pk in {book.pk for book in tag.books.all()}]
        return own[low:high]

    for title in "axm":
        assert [viewer.titles for viewer in viewers] == [expected(tag) for tag in tags]
        Book.objects.filter(pk=books[0].pk).update(title=title)
        books[3].tags.add(tags[1])
        live.tick()
    books[0].tags.remove(tags[1])
    live.tick()
    assert [viewer.titles for viewer in viewers] == [expected(tag) for tag in tags]


def test_counts_and_ranks_are_of_the_audiences_own_rows(live, books, tags):
    counted = stream(
        lambda self: Book.objects.annotate(n=Count("tags"), rank=RANKED).order_by("title"),
        fields=["title", "n", "rank"],
    )
    viewer = live(counted, audience=tags[0].pk)
    assert viewer.rows == [{"title": "d", "n": 1, "rank": 1}, {"title": "m", "n": NUMBER, "rank": 2}]
    grouped = stream(
        lambda self: Book.objects.values("pages").annotate(n=Count("pk")).order_by("pages"),
        fields=["pages", "n"],
        name="groups",
    )
    viewers = [live(grouped, audience=tag.pk) for tag in tags]
    assert [viewer.rows for viewer in viewers][:5] == [[{"pages": 0, "n": 2}]] * 4 + [[{"pages": 0, "n": 1}]]
    books[0].tags.remove(tags[0])
    books[1].delete()
    live.tick()
    assert [viewer.rows for viewer in viewers][:2] == [[], [{"pages": 0, "n": 2}]]


def test_pages_are_those_of_the_audiences_own_rows(live, books, tags, shown):
    kind = stream(paginate_by=1)
    pages = [live(kind, audience=tag.pk, page=page) for tag in tags[:2] for page in (1, 2, 9)]
    assert [viewer.titles for viewer in pages] == [["d"], ["m"], ["m"], ["h"], ["m"], ["m"]]
    numbers = [live(kind, audience=tag.pk, page=1, format="pages") for tag in (tags[0], tags[5])]
    assert ["page=2" in viewer.rows[0] for viewer in numbers] == [True, False]
    books[0].tags.remove(tags[0])
    live.tick()
    assert [viewer.titles for viewer in pages] == [["d"], ["d"], ["d"], ["h"], ["m"], ["m"]]


def test_stream_that_is_asked_for_its_rows_has_those_of_its_audience(books, tags):
    """An action, a form and a live value ask it."""

    class Newest(stream()):  # type: ignore[misc]
        def get_queryset(self, least: str = "") -> Any:
            return super().get_queryset().filter(title__gte=least)

    own = Newest({"least": ""}, tags[0].pk)
    assert [book.title for book in own.get_queryset(least="e")] == ["m"]
    assert [book.title for book in own.get_queryset(**own.params)] == ["d", "m"]
    own.get_queryset(**own.params).update(pages=7)
    assert Book.objects.filter(pages=7).count() == 2
    assert list(Newest({"least": ""}).get_queryset()) == []


KEYS = {
    "room": [f"room {number}" for number in range(4)],
    "box": [uuid.uuid4() for _ in range(4)],
    "readers": [uuid.uuid4() for _ in range(4)],
}


@pytest.mark.parametrize("path", KEYS)
def test_keys_that_are_no_numbers(desk: Desk, path: str) -> None:
    keys = KEYS[path]
    if path == "readers":
        Uuid.objects.bulk_create([Uuid(pk=key, title="reader") for key in keys])

    def give(letter: Letter, key: Any) -> None:
        if path == "readers":
            letter.readers.set([] if key is None else [key])
        else:
            setattr(letter, path, ("" if path == "room" else None) if key is None else key)
            letter.save()

    options = {"audience": lambda self, user: user.pk, "audience_by": path}
    kind = desk.stream(Letter, lambda self: Letter.objects.order_by("title"), **options)

    def fresh(stream: Any) -> Any:
        return Letter.objects.filter(**{path: stream.audience_key}).order_by("title", "pk")

    for key in keys:
        desk.watch(kind, audience=key, fresh=fresh)
    nobody = [desk.watch(kind, audience=key, fresh=lambda stream: Letter.objects.none()) for key in ("", None)]
    letters = [Letter.objects.create(title=str(number)) for number in range(4)]
    desk.check()
    for letter, key in zip(letters, keys, strict=True):
        give(letter, key)
    desk.check()
    give(letters[0], keys[1])
    give(letters[1], None)
    Letter.objects.update(title=F("id"))
    desk.check()
    assert [seen.rows for seen in nobody] == [{}, {}]


def test_key_that_is_a_column_other_than_the_primary_key(desk: Desk) -> None:
    lanes = [Lane.objects.create(name=code, code=code) for code in "abc"]
    options = {"audience": lambda self, user: user.code, "audience_by": "lane"}
    kind = desk.stream(Ticket, lambda self: Ticket.objects.order_by("title"), **options)
    for lane in lanes:
        own = lambda stream: Ticket.objects.filter(lane=stream.audience_key).order_by("title")  # noqa: E731
        desk.watch(kind, audience=lane.code, fresh=own)
    tickets = [Ticket.objects.create(title=lane.code, lane=lane) for lane in lanes]
    desk.check()
    tickets[0].lane = lanes[1]
    tickets[0].save()
    desk.check()
    assert [len(seen.rows) for seen in desk.seen] == [0, 2, 1]


def test_row_with_several_links_to_one_audience_comes_once(desk: Desk) -> None:
    lane, person = Lane.objects.create(name="lane", code="lane"), Person.objects.create(name="one")
    cards = [Card.objects.create(title=title, lane=lane) for title in "abc"]
    for card in (cards[0], cards[0], cards[1], cards[2]):
        Comment.objects.create(card=card, author=person)
    options = {"audience": lambda self, user: user.pk, "audience_by": "comments__author"}
    kind = desk.stream(Card, lambda self: Card.objects.order_by("title")[:2], **options)
    seen = desk.watch(kind, audience=person.pk)
    assert seen.keys == [str(cards[0].pk), str(cards[1].pk)]
    Comment.objects.filter(card=cards[0]).first().delete()  # type: ignore[union-attr]
    desk.check()
    assert seen.keys == [str(cards[0].pk), str(cards[1].pk)]
    Comment.objects.filter(card=cards[0]).delete()
    desk.check()
    assert seen.keys == [str(card.pk) for card in cards[1:]]


def test_rows_of_an_audience_in_one_partition(desk: Desk) -> None:
    lanes = [Lane.objects.create(name=code, code=code) for code in "ab"]
    people = [Person.objects.create(name=name) for name in "ab"]
    options = {"audience": lambda self, user, lane: user.pk, "audience_by": "person", "partition_by": ["lane"]}
    kind = desk.stream(Card, lambda self, lane: Card.objects.filter(lane=lane).order_by("title"), **options)

    def fresh(stream: Any, lane: int) -> Any:
        return Card.objects.filter(lane=lane, person=stream.audience_key).order_by("title", "pk")

    for lane in lanes:
        for person in people:
            desk.watch(kind, audience=person.pk, lane=lane.pk, fresh=fresh)
    cards = [Card.objects.create(title="new", lane=lane, person=person) for lane in lanes for person in people]
    desk.check()
    Card.objects.filter(pk=cards[0].pk).update(lane=lanes[1], person=people[1], title="moved")
    Card.objects.filter(pk=cards[1].pk).update(person=None, title="nobody's")
    desk.check()
    assert [len(seen.rows) for seen in desk.seen] == [0, 0, 1, 2]


SHADOWS: dict[str, Any] = {
    "person": lambda self: Card.objects.values("title").annotate(person=Count("pk")),
    "person__team": lambda self: Card.objects.values("title").annotate(person=F("rank")),
}


@pytest.mark.parametrize("path", SHADOWS)
def test_annotation_that_hides_the_relation_is_refused(desk: Desk, path: str) -> None:
    """Django would filter by the annotation: a count that equals the user's key would show the rows of others."""
    kind: Any = desk.stream(Card, SHADOWS[path], audience=lambda self, user: user.pk, audience_by=path)
    message = (
        "get_queryset annotates Card with 'person', by which audience_by finds the rows of an audience. "
        "Give the annotation another name."
    )
    assert [str(queryset_problem(SHADOWS[path](None), kind))] == [message]
    with pytest.raises(StreamDefinitionError) as caught:
        kind({}, 1).get_queryset()
    assert str(caught.value) == message


def test_annotation_named_pk_does_not_stand_for_the_rows_of_an_audience(desk: Desk) -> None:
    lane, tag = Lane.objects.create(name="lane", code="lane"), CardTag.objects.create(name="one")
    counted = lambda self: Card.objects.values("lane").annotate(pk=Count("id"))  # noqa: E731
    options = {"audience": lambda self, user: user.pk, "audience_by": "tags", "fields": ["lane", "pk"]}
    kind: Any = desk.stream(Card, counted, **options)
    Card.objects.create(title="first", lane=lane).delete()  # so that the key is not 1
    own = Card.objects.create(title="own", lane=lane)
    own.tags.add(tag)
    Card.objects.bulk_create(Card(title="another", lane=lane) for _ in range(own.pk - 1))  # as many as its key
    assert list(kind({}, tag.pk).get_queryset()) == [{"lane": lane.pk, "pk": 1}]


@pytest.mark.parametrize("blank", ["", " ", "\u3000", "\u200b", "\u0301", "\t\n"])
def test_blank_text_names_nobody_in_any_collation(desk: Desk, blank: str) -> None:
    lane = Lane.objects.create(name="lane", code="lane")
    options = {"audience": lambda self, user: user.pk, "audience_by": "title"}
    kind = desk.stream(Card, lambda self: Card.objects.all(), **options)
    Card.objects.create(title="", lane=lane)
    Card.objects.create(title=blank, lane=lane)
    assert desk.watch(kind, audience=blank, fresh=lambda stream: Card.objects.none()).rows == {}
