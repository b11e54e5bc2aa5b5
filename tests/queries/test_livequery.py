"""A live query's deltas: what takes those who have its rows to the present."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from realtime import ModelStream
from realtime.queries import row_reader
from tests.models import Book, Shelf, Tag

User = get_user_model()


def add(shelf: Shelf, *titles: str, **fields: object) -> list[Book]:
    return [Book.objects.create(shelf=shelf, title=title, **fields) for title in titles]


def data(book: Book, owner: str | None = None) -> dict:
    return {"id": book.pk, "title": book.title, "pages": book.pages, "owner.username": owner}


class TestSnapshot:
    def test_newcomer_gets_all_rows_in_their_order(self, live, shelf):
        b, a = add(shelf, "b", "a")
        viewer = live("books", shelf=shelf.pk)

        assert viewer.delta == {
            "reset": True,
            "puts": [{"key": str(a.pk), "row": data(a)}, {"key": str(b.pk), "row": data(b)}],
        }

    def test_empty_live_query_is_a_reset_without_rows(self, live, shelf):
        assert live("books", shelf=shelf.pk).delta == {"reset": True}

    def test_html_rows_bear_their_key(self, live, shelf):
        [book] = add(shelf, "<b>")
        assert live("books", shelf=shelf.pk, format="html").rows == [
            f'<li data-live-key="{book.pk}" class="book">&lt;b&gt; <b>nobody</b></li>'
        ]

    def test_format_is_a_live_query_of_its_own(self, live, shelf):
        html, rows = live("books", shelf=shelf.pk, format="html"), live("books", shelf=shelf.pk)
        assert html.query != rows.query


class TestDelta:
    @pytest.fixture
    def books(self, shelf):
        return dict(zip("bdfh", add(shelf, *"bdfh"), strict=True))

    @pytest.fixture
    def viewer(self, live, shelf, books):
        return live("books", shelf=shelf.pk)

    def test_nothing_new_is_no_delta(self, live, viewer):
        live.tick()
        assert viewer.delta is None

    def test_new_row_is_put_behind_the_one_before_it(self, live, viewer, shelf, books):
        [new] = add(shelf, "c")
        live.tick()
        assert viewer.delta == {"puts": [{"key": str(new.pk), "row": data(new), "after": str(books["b"].pk)}]}

    def test_first_row_is_put_behind_nothing(self, live, viewer, shelf):
        [new] = add(shelf, "a")
        live.tick()
        assert viewer.delta == {"puts": [{"key": str(new.pk), "row": data(new)}]}
        assert viewer.titles == ["a", "b", "d", "f", "h"]

    def test_rows_that_stand_together_are_put_one_behind_the_other(self, live, viewer, shelf, books):
        first, second = add(shelf, "d1", "d2")
        live.tick()
        assert viewer.delta == {
            "puts": [
                {"key": str(first.pk), "row": data(first), "after": str(books["d"].pk)},
                {"key": str(second.pk), "row": data(second)},
            ]
        }

    def test_changed_row_is_put_where_it_stands(self, live, viewer, books):
        books["d"].pages = 7
        books["d"].save()
        live.tick()
        assert viewer.delta == {
            "puts": [{"key": str(books["d"].pk), "row": data(books["d"]), "after": str(books["b"].pk)}]
        }

    def test_row_that_moves_is_put_in_its_new_place(self, live, viewer, books):
        books["b"].title = "g"
        books["b"].save()
        live.tick()
        assert viewer.delta == {
            "puts": [{"key": str(books["b"].pk), "row": data(books["b"]), "after": str(books["f"].pk)}]
        }
        assert viewer.titles == ["d", "f", "g", "h"]

    def test_row_that_moves_to_the_front(self, live, viewer, books):
        books["h"].title = "a"
        books["h"].save()
        live.tick()
        assert viewer.titles == ["a", "b", "d", "f"]

    def test_deleted_row_is_dropped(self, live, viewer, books):
        key = str(books["d"].pk)
        books["d"].delete()
        live.tick()
        assert viewer.delta == {"drops": [key]}

    def test_row_that_leaves_the_query_is_dropped(self, live, viewer, books, other_shelf):
        books["d"].shelf = other_shelf
        books["d"].save()
        live.tick()
        assert viewer.delta == {"drops": [str(books["d"].pk)]}

    def test_row_that_enters_the_query_is_put(self, live, viewer, shelf, other_shelf):
        [book] = add(other_shelf, "e")
        live.tick()
        assert viewer.delta is None
        book.shelf = shelf
        book.save()
        live.tick()
        assert viewer.titles == ["b", "d", "e", "f", "h"]

    def test_many_changes_of_one_row_are_one_put(self, live, viewer, books):
        for pages in range(10):
            books["d"].pages = pages
            books["d"].save()
        live.tick()
        assert [put["row"]["pages"] for put in viewer.delta["puts"]] == [9]

    def test_row_that_came_and_went_is_not_told_of(self, live, viewer, shelf):
        [book] = add(shelf, "c")
        book.delete()
        live.tick()
        assert viewer.delta is None

    def test_row_that_went_and_came_is_put(self, live, viewer, shelf, books):
        pk = books["d"].pk
        books["d"].delete()
        Book.objects.create(pk=pk, shelf=shelf, title="d", pages=1)
        live.tick()
        assert (viewer.titles, viewer.rows[1]["pages"]) == (["b", "d", "f", "h"], 1)

    def test_rolled_back_change_is_not_told_of(self, live, viewer, shelf, books):
        with transaction.atomic():
            add(shelf, "c")
            books["d"].delete()
            transaction.set_rollback(True)
        live.tick()
        assert viewer.delta is None

    def test_all_of_a_transaction_comes_at_once(self, live, viewer, shelf, books):
        with transaction.atomic():
            add(shelf, "c")
            dropped = str(books["f"].pk)
            books["f"].delete()
            books["h"].title = "a"
            books["h"].save()
        live.tick()
        assert viewer.titles == ["a", "b", "c", "d"]
        assert viewer.delta["drops"] == [dropped]

    def test_delta_applied_twice_does_no_harm(self, live, viewer, shelf, books):
        add(shelf, "a", "e", "z")
        books["d"].delete()
        books["b"].title = "g"
        books["b"].save()
        live.tick()
        once = viewer.replica.ordered
        viewer.replica.apply(viewer.delta)
        assert viewer.replica.ordered == once


class TestOrder:
    def test_ties_stand_in_the_order_of_their_keys(self, live, shelf):
        first, second, third = add(shelf, "same", "same", "same")
        viewer = live("books", shelf=shelf.pk)
        second.pages = 1
        second.save()
        live.tick()
        assert viewer.keys == [str(book.pk) for book in (first, second, third)]

    def test_neighbours_that_change_places(self, live, shelf):
        a, b = add(shelf, "a", "b")
        viewer = live("books", shelf=shelf.pk)
        a.title, b.title = "b", "a"
        a.save()
        b.save()
        live.tick()
        assert viewer.keys == [str(b.pk), str(a.pk)]

    def test_rows_that_were_not_changed_themselves_change_places(self, live, shelf):
        """They are ordered by a related row."""
        people = [User.objects.create(username=name) for name in ("ann", "bob", "cid")]
        x, y, z = (add(shelf, "any", owner=person)[0] for person in people)

        class ByOwner(ModelStream):
            name = "by-owner"
            model = Book
            fields = ["title"]

            def get_queryset(self):
                return Book.objects.order_by("owner__username")

        viewer = live(ByOwner)
        User.objects.filter(pk=people[0].pk).update(username="zoe")
        z.save()  # without depends_on, the order is put right by the next change
        live.tick()
        assert viewer.keys == [str(book.pk) for book in (y, z, x)]
        assert viewer.delta == {"puts": [{"key": str(y.pk)}, {"key": str(z.pk), "row": {"title": "any"}}]}

    def test_order_is_the_databases_own(self, live, shelf):
        add(shelf, *"aBcÄäZ_1-ß")
        viewer = live("books", shelf=shelf.pk)
        add(shelf, "A", "ö", "b")
        live.tick()
        assert viewer.titles == list(Book.objects.order_by("title", "pk").values_list("title", flat=True))


class TestSlice:
    @pytest.fixture
    def books(self, shelf):
        return [Book.objects.create(shelf=shelf, title=str(pages), pages=pages) for pages in (50, 40, 30, 20, 10)]

    @pytest.fixture
    def viewer(self, live, shelf, books):
        return live("top", shelf=shelf.pk)

    def test_slice_is_exact(self, viewer):
        assert viewer.titles == ["50", "40", "30"]

    def test_row_that_leaves_makes_room_for_the_next(self, live, viewer, books):
        key = str(books[1].pk)
        books[1].delete()
        live.tick()
        assert (viewer.titles, viewer.delta["drops"]) == (["50", "30", "20"], [key])

    def test_row_that_enters_pushes_the_last_one_out(self, live, viewer, books, shelf):
        add(shelf, "45", pages=45)
        live.tick()
        assert (viewer.titles, viewer.delta["drops"]) == (["50", "45", "40"], [str(books[2].pk)])

    def test_row_that_sinks_out_of_the_slice(self, live, viewer, books):
        books[0].pages = 0
        books[0].save()
        live.tick()
        assert viewer.titles == ["40", "30", "20"]

    def test_row_outside_of_the_slice_is_not_told_of(self, live, viewer, books):
        books[4].title = "secret"
        books[4].save()
        live.tick()
        assert viewer.delta is None

    def test_slice_from_the_middle(self, live, shelf, books):
        class Middle(ModelStream):
            name = "middle"
            model = Book
            fields = ["title"]

            def get_queryset(self):
                return Book.objects.order_by("-pages")[1:3]

        viewer = live(Middle)
        add(shelf, "60", pages=60)
        live.tick()
        assert viewer.titles == ["50", "40"]


class TestAudience:
    @pytest.fixture
    def users(self, committed):
        return [User.objects.create(username=name) for name in ("ann", "bob")]

    def test_everyone_sees_their_own(self, live, shelf, users):
        ann, bob = users
        viewers = [live("mine", audience=user.pk) for user in users]
        [book] = add(shelf, "x", owner=ann)
        live.tick()
        assert [viewer.titles for viewer in viewers] == [["x"], []]

        book.owner = bob
        book.save()
        live.tick()
        assert [viewer.titles for viewer in viewers] == [[], ["x"]]

    def test_key_of_a_row_that_was_never_seen_is_not_dropped(self, live, shelf, users):
        ann, bob = users
        viewer = live("mine", audience=ann.pk)
        [book] = add(shelf, "secret", owner=bob)
        book.pages = 1
        book.save()
        book.delete()
        live.tick()
        assert viewer.delta is None

    def test_key_that_was_never_seen_is_not_told_on_resuming(self, live, shelf, users):
        ann, bob = users
        cursor = live.log.head()
        [own] = add(shelf, "x", owner=ann)
        [foreign] = add(shelf, "secret", owner=bob)
        foreign.delete()
        viewer = live("mine", audience=ann.pk, cursor=cursor)
        assert viewer.delta == {
            "puts": [{"key": str(own.pk), "row": {"id": own.pk, "title": "x"}}],
            "order": [str(own.pk)],
        }

    @pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, "1"), ("", None)])
    def test_audiences_that_only_look_alike_are_two(self, live, one, other):
        """`return user.is_staff or user.pk` gives True to the staff, and 1 to the first user."""
        first, second = live("mine", audience=one), live("mine", audience=other)
        assert first.key != second.key
        assert first.query != second.query


class TestDependencies:
    def test_renamed_owner_changes_the_books(self, live, shelf):
        ann = User.objects.create(username="ann")
        mine, _ = add(shelf, "a", owner=ann)[0], add(shelf, "b")
        viewer = live("books", shelf=shelf.pk)
        ann.username = "zoe"
        ann.save()
        live.tick()
        assert viewer.delta == {"puts": [{"key": str(mine.pk), "row": data(mine, "zoe")}]}

    def test_deleted_owner_changes_the_books(self, live, shelf):
        """The foreign key is set to NULL by an UPDATE for which Django sends no signal."""
        ann = User.objects.create(username="ann")
        add(shelf, "a", owner=ann)
        viewer = live("books", shelf=shelf.pk)
        ann.delete()
        live.tick()
        assert [row["owner.username"] for row in viewer.rows] == [None]

    def test_deleted_tag_changes_the_books(self, live, shelf, tagged):
        [book] = add(shelf, "a")
        tag = Tag.objects.create(name="red")
        book.tags.add(tag)
        viewer = live(tagged, shelf=shelf.pk)
        tag.delete()
        live.tick()
        assert viewer.rows == [{"title": "a", "tag_names": []}]

    @pytest.mark.parametrize(
        "change",
        [
            lambda book, tag: book.tags.add(tag),
            lambda book, tag: tag.books.add(book),
            lambda book, tag: book.tags.set([tag]),
            lambda book, tag: book.tags.create(name="new"),
            lambda book, tag: Book.tags.through.objects.create(book=book, tag=tag),
            lambda book, tag: Book.tags.through.objects.bulk_create([Book.tags.through(book=book, tag=tag)]),
        ],
    )
    def test_added_tag_changes_the_book(self, live, shelf, tagged, change):
        [book] = add(shelf, "a")
        viewer = live(tagged, shelf=shelf.pk)
        change(book, Tag.objects.create(name="red"))
        live.tick()
        assert viewer.rows == [{"title": "a", "tag_names": sorted(tag.name for tag in book.tags.all())}]
        assert viewer.rows[0]["tag_names"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda book, tag: book.tags.remove(tag),
            lambda book, tag: tag.books.remove(book),
            lambda book, tag: book.tags.clear(),
            lambda book, tag: tag.books.clear(),
            lambda book, tag: book.tags.set([]),
            lambda book, tag: Book.tags.through.objects.get().delete(),
            lambda book, tag: Book.tags.through.objects.all().delete(),
        ],
    )
    def test_removed_tag_changes_the_book(self, live, shelf, tagged, change):
        [book] = add(shelf, "a")
        tag = Tag.objects.create(name="red")
        book.tags.add(tag)
        viewer = live(tagged, shelf=shelf.pk)
        change(book, tag)
        live.tick()
        assert viewer.rows == [{"title": "a", "tag_names": []}]

    def test_renamed_tag_changes_its_books(self, live, shelf, tagged):
        one, _ = add(shelf, "a", "b")
        tag = Tag.objects.create(name="red")
        one.tags.add(tag)
        viewer = live(tagged, shelf=shelf.pk)
        tag.name = "blue"
        tag.save()
        live.tick()
        assert [row["tag_names"] for row in viewer.rows] == [["blue"], []]

    @pytest.fixture
    def tagged(self, monkeypatch):
        monkeypatch.setattr(
            Book, "tag_names", property(lambda book: sorted(tag.name for tag in book.tags.all())), raising=False
        )

        class Tagged(ModelStream):
            name = "tagged"
            model = Book
            fields = ["title", "tag_names"]
            partition_by = ["shelf"]
            depends_on = ["tags"]

            def get_queryset(self, shelf):
                return Book.objects.filter(shelf=shelf).order_by("title")

        return Tagged


class TestQuerySets:
    """Any QuerySet that Django can run."""

    def stream(self, queryset, **options):
        attributes = {"name": "any", "model": Book, "fields": ["title"], "get_queryset": lambda self: queryset()}
        return type("AnyStream", (ModelStream,), attributes | options)

    def test_row_found_over_two_joins_stands_once(self, live, shelf):
        [book] = add(shelf, "a")
        book.tags.set([Tag.objects.create(name="red"), Tag.objects.create(name="reddish")])
        viewer = live(self.stream(lambda: Book.objects.filter(tags__name__startswith="red")))
        assert viewer.titles == ["a"]

    def test_model_without_an_ordering(self, live, shelf):
        add(shelf, "b", "a")
        viewer = live(self.stream(Book.objects.all))
        add(shelf, "0")
        live.tick()
        assert viewer.titles == ["b", "a", "0"]

    def test_reversed_query(self, live, shelf):
        add(shelf, "a", "b")
        viewer = live(self.stream(lambda: Book.objects.order_by("title").reverse()))
        add(shelf, "c", "c")
        live.tick()
        fresh = Book.objects.order_by("-title", "-pk")
        assert viewer.keys == [str(book.pk) for book in fresh]

    def test_queryset_is_made_once_a_tick(self, live, shelf):
        """So that a filter by the clock is the same for keys and rows."""
        books = add(shelf, "a", "b")
        bounds = iter([0, books[0].pk])
        viewer = live(self.stream(lambda: Book.objects.filter(pk__gt=next(bounds))))
        assert viewer.titles == ["a", "b"]
        add(shelf, "c")
        live.tick()
        assert viewer.titles == ["b", "c"]

    def test_row_that_goes_between_two_statements(self, live, shelf, monkeypatch):
        """The database's own clock goes on between the statement for the keys and the one for the rows."""
        viewer = live(self.stream(Book.objects.all))
        read = row_reader.keys_of
        monkeypatch.setattr(row_reader, "keys_of", lambda queryset: ["0", *read(queryset)])
        add(shelf, "a")
        live.tick()
        assert viewer.titles == ["a"]
