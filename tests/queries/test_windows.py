"""Windows: pages as Django's Paginator has them, and ranges that together are the list as it is now."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.auth.authorization import open_stream
from realtime.exceptions import BadParameters, StreamDefinitionError, WindowTooLarge
from realtime.queries.page import page_part
from realtime.streams.window import RowWindow, take_window
from tests.models import Book, Shelf
from tests.queries.conftest import Live, Viewer
from tests.support.limits import limit
from tests.support.streams import registered

SIZE = 50
MANY = int(os.environ.get("REALTIME_WINDOW_ROWS", "2000"))  # `make faults` takes ten thousand


class BookPages(ModelStream):
    """The books of a shelf, by title, page by page."""

    model = Book
    fields = ["title"]
    template_name = "tests/book.html"
    partition_by = ["shelf"]
    paginate_by = SIZE

    def authorize(self, user, shelf):
        return True

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).order_by("title")


class Few(BookPages):
    paginate_by = 3


@pytest.fixture(autouse=True)
def streams():
    with registered(**{"book pages": BookPages, "few": Few}):
        yield


def titles_now(shelf: Shelf, stop: int | None = None) -> list[str]:
    return list(Book.objects.filter(shelf=shelf).order_by("title", "pk").values_list("title", flat=True)[:stop])


def add(shelf: Shelf, *titles: str) -> None:
    Book.objects.bulk_create([Book(shelf=shelf, title=title) for title in titles])


class TestPages:
    def test_are_those_of_the_paginator_whatever_is_written(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"bdfhjln")
        pages = {number: live("few", shelf=shelf.pk, page=number) for number in (1, 2, 3, 99, 0, "2.5", "x", None)}
        for write in (
            lambda: add(shelf, "a"),
            lambda: add(shelf, "c", "z"),
            lambda: Book.objects.filter(title="b").delete(),
            lambda: Book.objects.filter(title="z").update(title="_"),
            lambda: Book.objects.filter(title__gt="d").delete(),
            lambda: Book.objects.all().delete(),
            lambda: add(shelf, *"opqrs"),
        ):
            write()
            live.tick()
            paginator = Paginator(titles_now(shelf), 3)
            assert {number: viewer.titles for number, viewer in pages.items()} == {
                number: list(paginator.get_page(number)) for number in pages
            }

    def test_a_page_that_shows_the_last_one_resumes_with_all_its_rows(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abcde")
        viewer = live("few", shelf=shelf.pk, page=9)
        live.tick()
        later = live("few", shelf=shelf.pk, page=9)
        assert viewer.titles == later.titles == ["d", "e"]

    def test_the_stream_has_the_first_one_by_default(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abcde")
        assert live("few", shelf=shelf.pk).titles == ["a", "b", "c"]

    def test_their_links_follow_the_number_of_rows(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abc")
        links = live("few", shelf=shelf.pk, page=1, format="pages")
        assert 'data-live-key="pages"' in links.rows[0]
        assert 'data-live-page="2"' not in links.rows[0]
        add(shelf, "d")
        live.tick()
        assert '<a href="?page=2" data-live-page="2">2</a>' in links.rows[0]

    def test_links_keep_the_rest_of_the_address(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abcd")
        part = page_part(User(username="ann"), "few", {"shelf": shelf.pk, "page": "2"}, "pages", query="q=%3C&")
        assert '<a href="?q=%3C&amp;page=1" data-live-page="1" rel="prev">' in part.rows[0]

    def test_a_stream_without_them_says_so(self, shelf: Shelf) -> None:
        with pytest.raises(StreamDefinitionError, match="has no pages"):
            page_part(User(username="ann"), "books", {"shelf": shelf.pk}, "pages")


class TestTags:
    """What the tags read from the address of the page."""

    def render(self, source: str, shelf: Shelf, query: str = "") -> str:
        request = RequestFactory().get(f"/?{query}")
        request.user = User(pk=1, username="ann")
        return Template("{% load realtime %}" + source).render(RequestContext(request, {"shelf": shelf}))

    @pytest.mark.parametrize(
        ("more", "window"),
        [("", "0:3"), ("2", "0:6"), ("0", "0:3"), ("-1", "0:3"), ("²", "0:3"), ("9" * 30, "0:3"), ("99999", "0:9999")],
    )
    def test_the_list_shows_as_much_as_the_address_says(
        self, live: Live, shelf: Shelf, more: str, window: str
    ) -> None:
        add(shelf, *"abcdefgh")
        html = self.render('{% live "few" shelf=shelf more=True %}', shelf, f"more={more}")
        assert f"&quot;window&quot;:&quot;{window}&quot;" in html

    def test_the_link_keeps_the_rest_of_the_address(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abcdefgh")
        html = self.render('{% live "few" shelf=shelf more="up" %}', shelf, "tag=%26&more=2")
        assert '<a href="?tag=%26&amp;more=3" rel="nofollow">Show earlier</a>' in html
        assert 'data-live-more="-3"' in html

    def test_the_links_to_pages_are_those_of_the_list_above(self, live: Live, shelf: Shelf) -> None:
        add(shelf, *"abcdefgh")
        html = self.render('{% live "few" shelf=shelf page=request.GET.page %}{% live_pages "few" %}', shelf, "page=2")
        assert '<a href="?page=2" data-live-page="2" aria-current="page">2</a>' in html

    def test_a_stream_without_pages_shows_no_more(self, live: Live, shelf: Shelf) -> None:
        with pytest.raises(StreamDefinitionError, match="cannot show more of the stream 'books', which has no pages"):
            self.render('{% live "books" shelf=shelf more=True %}', shelf)


class TestRefusals:
    @pytest.mark.parametrize(
        "window", ["0:2", "4:5", "-5:-4", "-3:-2", "3:3", "6:3", "-3:3", "0:", "x", 7, "0:3000000000000", "-3:-6", ""]
    )
    def test_a_window_that_is_none(self, window: object) -> None:
        with pytest.raises(BadParameters, match="two multiples of 3"):
            take_window(Few, {"window": window})

    @pytest.mark.parametrize("window", ["3:4", "-4:-3", "300:301", "-301:-300"])
    def test_the_row_behind_a_step_is_a_window(self, settings, window: str) -> None:
        limit(settings, window_rows=300)
        taken, _ = take_window(Few, {"window": window})
        assert taken is not None
        assert taken.param() == {"window": window}

    @pytest.mark.parametrize("window", ["0:303", "300:303", "-303:0", "303:304"])
    def test_more_rows_than_a_client_may_ask_for(self, settings, window: str) -> None:
        limit(settings, window_rows=300)
        take_window(Few, {"window": "297:300"})
        with pytest.raises(WindowTooLarge, match="No more than 300 rows of this list can be shown at once") as caught:
            take_window(Few, {"window": window})
        assert caught.value.code == 4201

    def test_the_window_reaches_no_method_of_the_stream(self, shelf: Shelf) -> None:
        stream = open_stream(User(username="ann"), "few", {"shelf": shelf.pk, "page": "4"})
        assert (stream.params, stream.window) == ({"shelf": shelf.pk}, RowWindow(9, 12, 4))
        assert stream.wire_params() == {"shelf": shelf.pk, "page": 4}


class Range(NamedTuple):
    start: int
    stop: int
    viewer: Viewer


class Reader:
    """A client that loads more and more of a list, and joins ranges of one length, as the JavaScript client does."""

    def __init__(self, live: Live, shelf: Shelf) -> None:
        self.live, self.shelf = live, shelf
        self.ranges: list[Range] = []
        self._load(0, SIZE)

    @property
    def titles(self) -> list[str]:
        return [title for each in self.ranges for title in each.viewer.titles]

    @property
    def stop(self) -> int:
        return self.ranges[-1].stop

    def more(self) -> None:
        self._load(self.stop, self.stop + SIZE)
        while len(self.ranges) > 1 and _length(self.ranges[-1]) == _length(self.ranges[-2]):
            one, other = self.ranges[-2:]
            self._load(one.start, other.stop, replaced=(one, other))

    def _load(self, start: int, stop: int, replaced: Sequence[Range] = ()) -> None:
        found = Range(start, stop, self.live(BookPages, shelf=self.shelf.pk, window=f"{start}:{stop}"))
        self.ranges = [*(each for each in self.ranges if each not in replaced), found]
        if replaced:
            self.live.tick(gone=tuple(each.viewer for each in replaced))


def _length(each: Range) -> int:
    return each.stop - each.start


@pytest.mark.databases
@pytest.mark.timeout(600 + MANY / 10)
def test_rows_by_fifties_are_a_fresh_query_at_each_step(live: Live, shelf: Shelf) -> None:
    """Whoever writes, before, in and behind what is shown: no row twice, none missing."""
    dice = random.Random(7)
    add(shelf, *(f"{number:06}" for number in range(0, MANY * 10, 10)))
    reader = Reader(live, shelf)
    sent = 0
    while reader.stop < MANY:
        for _ in range(dice.randint(0, 3)):
            write(dice, shelf, reader)
        live.tick()
        now = titles_now(shelf, reader.stop + SIZE)
        assert reader.titles == now[: reader.stop]
        reader.more()
        assert reader.titles == now
        assert len(reader.ranges) <= 8
        sent += SIZE
    assert len(set(reader.titles)) == len(reader.titles) == sent + SIZE


def write(dice: random.Random, shelf: Shelf, reader: Reader) -> None:
    shown, books = reader.titles, Book.objects.filter(shelf=shelf)
    border = shown[-1] if shown else ""
    place = dice.choice(["before", "in", "at the border", "behind"])
    near = {"before": "000000", "in": dice.choice(shown), "at the border": border, "behind": "9"}[place]
    with transaction.atomic():
        match dice.randint(0, 3):
            case 0:
                add(shelf, *(f"{near}{dice.random()}" for _ in range(dice.randint(1, 3))))
            case 1:
                books.filter(title=dice.choice(shown)).delete()
            case 2:  # from one side of the border to the other
                books.filter(title=f"{dice.randrange(0, MANY * 10, 10):06}").update(title=f"{near}{dice.random()}")
            case 3:
                books.filter(title=dice.choice(shown)).update(pages=1)


def test_ranges_from_the_end_are_in_the_order_of_the_list(live: Live, shelf: Shelf) -> None:
    add(shelf, *"abcdefgh")
    latest, earlier = (live("few", shelf=shelf.pk, window=window) for window in ("-3:0", "-6:-3"))
    assert [*earlier.titles, *latest.titles] == list("cdefgh")
    add(shelf, "i")
    Book.objects.filter(title="e").delete()
    live.tick()
    assert [*earlier.titles, *latest.titles] == list("cdfghi")
    Book.objects.filter(title__lt="h").delete()
    live.tick()
    assert [*earlier.titles, *latest.titles] == list("hi")


def test_a_slice_has_no_window_from_its_end(shelf: Shelf, live: Live) -> None:
    class Sliced(Few):
        def get_queryset(self, shelf):
            return super().get_queryset(shelf)[:6]

    add(shelf, *"abcdefgh")
    with registered(sliced=Sliced):
        assert live("sliced", shelf=shelf.pk, page=9).titles == list("def")
        with pytest.raises(StreamDefinitionError, match="no window from its end"):
            page_part(User(username="ann"), "sliced", {"shelf": shelf.pk, "window": "-3:0"}, "html")


def test_a_change_reads_each_window_once(live: Live, shelf: Shelf) -> None:
    add(shelf, *(f"{number:06}" for number in range(1000)))
    viewers = [live("book pages", shelf=shelf.pk, window=f"{start}:{start + SIZE}") for start in range(0, 500, SIZE)]
    add(shelf, "0000005")
    with CaptureQueriesContext(connection) as captured:
        live.tick()
    reads = [query["sql"] for query in captured if "tests_book" in query["sql"]]
    assert len(reads) <= 2 * len(viewers)


class Ranked(Few):
    """Rows whose content depends on the rows before them."""

    fields = ["title", "place"]

    def get_queryset(self, shelf):
        return super().get_queryset(shelf).annotate(place=Window(RowNumber(), order_by=F("title").asc()))


@pytest.mark.databases
@pytest.mark.parametrize("page", [2, 9])
def test_a_page_of_ranked_rows_has_their_ranks_among_all(live, shelf, page):
    Book.objects.bulk_create(Book(shelf=shelf, title=title) for title in "abcde")
    first = live(Ranked, shelf=shelf.pk, page=page)
    late = live(Ranked, shelf=shelf.pk, page=page)
    assert first.rows == late.rows == [{"title": "d", "place": 4}, {"title": "e", "place": 5}]
    Book.objects.filter(title="a").update(title="ca")
    live.tick()
    Book.objects.filter(title="b").delete()
    live.tick()
    again = live(Ranked, shelf=shelf.pk, page=page)
    assert first.rows == late.rows == again.rows == [{"title": "e", "place": 4}]
