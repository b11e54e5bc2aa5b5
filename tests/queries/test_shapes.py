"""Live queries of every shape equal a fresh QuerySet after each change, and for each client that comes back.

REALTIME_SHAPES_ROUNDS and REALTIME_SHAPES_SEED have the random writes go on for longer, and be others.
"""

import os
import random
from collections.abc import Callable
from typing import Any

import django
import pytest
from django.core.checks import Error, Warning
from django.db import connection
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import RawSQL, Window
from django.db.models.functions import Length, Lower, Random, RowNumber

from realtime import ModelStream, live_value
from realtime.checks.setup import check_querysets
from tests.shapes.desk import Desk
from tests.shapes.models import (
    BookCafe,
    Card,
    Comment,
    Cover,
    DoneCard,
    Lane,
    Place,
    Restaurant,
    Seat,
    Shop,
    Slug,
    Uuid,
)
from tests.shapes.writes import seed, write_some
from tests.support.streams import said_of
from tests.support.upserts import upsert

ROUNDS = int(os.environ.get("REALTIME_SHAPES_ROUNDS", "5" if connection.vendor == "sqlite" else "3"))
SEED = int(os.environ.get("REALTIME_SHAPES_SEED", "7"))

EVERYTHING = ["lane__members", "person__team", "parent", "children", "comments__author", "tags", "remarks"]
FIELDS = ["id", "title", "rank", "lane.name", "person.name", "person.team.name", "tag_names"]

# Each shape is a function from the cards (and what makes an order total, for the QuerySet to compare with) to a
# QuerySet.
ORDERS: dict[str, Callable[..., Any]] = {
    "no order": lambda cards, *tie: cards.order_by(*tie),
    "one key": lambda cards, *tie: cards.order_by("title", *tie),
    "descending": lambda cards, *tie: cards.order_by("-title", *tie),
    "several keys": lambda cards, *tie: cards.order_by("done", "-rank", "title", *tie),
    "nulls first": lambda cards, *tie: cards.order_by(F("rank").asc(nulls_first=True), *tie),
    "nulls last": lambda cards, *tie: cards.order_by(F("rank").desc(nulls_last=True), *tie),
    "ties": lambda cards, *tie: cards.order_by("done", *tie),
    "key first": lambda cards, *tie: cards.order_by("-pk"),
    "related field": lambda cards, *tie: cards.order_by("person__team__name", "lane__name", *tie),
    "expression": lambda cards, *tie: cards.order_by(Lower("title").desc(), Length("title"), *tie),
    "annotation": lambda cards, *tie: cards.annotate(length=Length("title")).order_by("-length", *tie),
    "aggregate": lambda cards, *tie: cards.annotate(n=Count("comments")).order_by("-n", *tie),
    "condition": lambda cards, *tie: cards.order_by(Case(When(rank=2, then=0), default=F("rank")), *tie),
    "reversed": lambda cards, *tie: cards.order_by("rank", "title", *tie).reverse(),
    "extra": lambda cards, *tie: cards.extra(select={"twice": "rank * 2"}, order_by=["-twice", *tie]),
    "extra column": lambda cards, *tie: cards.extra(order_by=["-shapes_card.rank", *tie]),
}

SHAPES: dict[str, Callable[..., Any]] = {
    "filter": lambda cards, *tie: cards.filter(Q(done=False) | Q(rank__gt=1)).order_by("title", *tie),
    "exclude": lambda cards, *tie: cards.exclude(rank=2).exclude(tags__name="hot").order_by("title", *tie),
    "none": lambda cards, *tie: cards.none(),
    "join": lambda cards, *tie: cards.filter(lane__closed=False, person__team__name__gt="b").order_by("title", *tie),
    "duplicates by a join": lambda cards, *tie: cards.filter(tags__name__gte="").order_by("title", *tie),
    "distinct": lambda cards, *tie: cards.filter(tags__name__gte="").distinct().order_by("title", *tie),
    "distinct slice": lambda cards, *tie: cards.filter(tags__name__gte="").distinct().order_by("title", *tie)[:3],
    "custom queryset": lambda cards, *tie: Card.objects.open().order_by("rank", *tie),
    "custom manager": lambda cards, *tie: Card.unfinished.order_by("rank", *tie),
    "proxy": lambda cards, *tie: DoneCard.objects.filter(done=True).order_by("-rank", "title", *tie),
    "only": lambda cards, *tie: cards.only("title").order_by("rank", *tie),
    "defer": lambda cards, *tie: cards.defer("rank").order_by("title", *tie),
    "select_related": lambda cards, *tie: cards.select_related("person__team").order_by("title", *tie),
    "prefetch_related": lambda cards, *tie: cards.prefetch_related("tags", Prefetch("comments")).order_by(
        "title", *tie
    ),
    "filtered relation": lambda cards, *tie: (
        cards.annotate(said=FilteredRelation("comments", condition=Q(comments__text__gte="b")))
        .filter(said__isnull=False)
        .order_by("title", *tie)
    ),
    "slice": lambda cards, *tie: cards.order_by("-rank", *tie)[:3],
    "slice from the middle": lambda cards, *tie: cards.order_by("title", *tie)[2:5],
    "slice of a join": lambda cards, *tie: cards.filter(tags__name__gte="").order_by("title", *tie)[:4],
}
# with an annotation `shown` that is one of the fields
ANNOTATED: dict[str, Callable[..., Any]] = {
    "count over a join": lambda cards, *tie: cards.annotate(shown=Count("comments")).order_by("title", *tie),
    "having": lambda cards, *tie: (
        cards.annotate(shown=Count("tags", distinct=True)).filter(shown__gte=1).order_by("-shown", *tie)
    ),
    "exists": lambda cards, *tie: cards.annotate(
        shown=Exists(Comment.objects.filter(card=OuterRef("pk"), text__gte="b"))
    ).order_by("title", *tie),
    "subquery": lambda cards, *tie: cards.annotate(
        shown=Subquery(Comment.objects.filter(card=OuterRef("pk")).order_by("-pk").values("text")[:1])
    ).order_by("title", *tie),
    "related value": lambda cards, *tie: cards.annotate(shown=F("person__team__name")).order_by("title", *tie),
    "value": lambda cards, *tie: cards.annotate(shown=Value(1)).order_by("title", *tie),
    "average of all": lambda cards, *tie: cards.annotate(
        shown=Subquery(Card.objects.values("done").filter(done=False).annotate(n=Count("pk")).values("n"))
    ).order_by("title", *tie),
    "place among all": lambda cards, *tie: cards.annotate(
        shown=Window(RowNumber(), order_by=[F("rank").asc(nulls_first=True), F("pk").asc()])
    ).order_by("title", *tie),
    "filter by place": lambda cards, *tie: (
        cards.annotate(shown=Window(RowNumber(), partition_by="lane", order_by=["title", "pk"]))
        .filter(shown__lte=2)
        .order_by("lane", "title", *tie)
    ),
    "values": lambda cards, *tie: (
        cards.annotate(shown=Length("title")).values("title", "shown").order_by("title", *tie)
    ),
    "values_list": lambda cards, *tie: (
        cards.annotate(shown=Count("comments")).values_list("id", "shown").order_by("title", *tie)
    ),
    "raw": lambda cards, *tie: cards.annotate(
        shown=RawSQL("SELECT MAX(id) FROM shapes_comment WHERE id > %s", (0,))
    ).order_by("title", *tie),
    "extra": lambda cards, *tie: cards.extra(select={"shown": "rank * 2"}, where=["rank > 1"]).order_by("title", *tie),
    "above the average": lambda cards, *tie: (
        cards.annotate(shown=F("rank"))
        .filter(rank__gt=Subquery(Card.objects.values("done").filter(done=False).annotate(a=Avg("rank")).values("a")))
        .order_by("title", *tie)
    ),
}
if django.VERSION < (6, 1):  # deprecated since
    SHAPES["select_related of all"] = lambda cards, *tie: cards.select_related().order_by("title", *tie)
if connection.vendor == "postgresql":
    SHAPES["first of each"] = lambda cards, *tie: cards.order_by("lane", "-rank", *tie).distinct("lane")
    SHAPES["one of each"] = lambda cards, *tie: cards.order_by(*(("lane", *tie) if tie else ())).distinct("lane")


@pytest.mark.timeout(180 + 20 * ROUNDS)
@pytest.mark.parametrize(
    ("shapes", "fields"),
    [
        pytest.param(ORDERS, FIELDS[:-1], id="orders"),
        pytest.param(SHAPES, FIELDS, id="shapes"),
        pytest.param(ANNOTATED, [*FIELDS, "shown"], id="annotations"),
    ],
)
def test_live_queries_equal_their_querysets_after_every_change(desk, shapes, fields):
    rng = random.Random(SEED)
    seed(rng)
    streams = {name: _stream(desk, shape, fields, captured=name == list(shapes)[-1]) for name, shape in shapes.items()}
    clients = {name: desk.watch(stream, fresh=_fresh(shapes[name])) for name, stream in streams.items()}
    away = {name: [seen.past()] for name, seen in clients.items()}
    for _ in range(ROUNDS):
        write_some(rng)
        desk.check()
        back = {name: rng.choice(away[name]).past() for name in clients}
        desk.bring(*back.values())
        for name, seen in clients.items():
            back[name].check()
            away[name].append(seen.past())


def _stream(desk: Desk, shape: Callable[..., Any], fields: list[str], *, captured: bool) -> type[ModelStream]:
    options = {"fields": fields, "depends_on": EVERYTHING, "captured": captured}
    return desk.stream(Card, lambda self: shape(Card.objects.all()), **options)


def _fresh(shape: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: _as_objects(shape(Card.objects.all(), "pk"))


def test_rows_with_keys_of_every_kind_are_put_moved_and_dropped(desk):
    lane = Lane.objects.create(name="hall", code="hall")
    odd = ["plain", "it's", 'a "quote"', "<b>&amp;", "a/b?c=d", "ÄÖ 中文 🎉", "[1,2]", " space", "back\\slash", "%s"]
    kinds = {
        Uuid: [{} for _ in range(3)],
        Slug: [{"code": code} for code in odd],
        Seat: [{"hall": lane, "number": number} for number in odd if len(number) <= 10],
        Cover: [{"card": Card.objects.create(title="", lane=lane)} for _ in range(3)],
        Restaurant: [{"city": "rome"} for _ in range(3)],
        BookCafe: [{"goods": "tea"} for _ in range(3)],
    }
    for model, rows in kinds.items():
        stream = desk.stream(model, _ordered(model, "title"))
        seen = desk.watch(stream, fresh=_ordered(model, "title", "pk"))
        away = seen.past()
        made = [model.objects.create(title=str(number), **values) for number, values in enumerate(rows)]
        desk.check()
        assert len(seen.keys) == len(rows)
        made[0].title = "zzz"
        made[0].save()
        made[1].delete()
        desk.check()
        desk.bring(away)
        away.check()


def test_a_key_that_was_assigned_as_text_is_the_key_all_the_same(desk):
    seen = desk.watch(desk.stream(Uuid, lambda self: Uuid.objects.all()))
    uuid = Uuid.objects.create(title="a").pk
    desk.check()
    Uuid(pk=uuid.hex, title="b").save(force_update=True)
    desk.check()
    assert seen.rows == {str(uuid): {"title": "b"}}


def test_a_row_of_a_child_model_changes_with_its_parents_rows(desk):
    stream = desk.stream(Restaurant, lambda self: Restaurant.objects.order_by("title"), fields=["title", "stars"])
    one = Restaurant.objects.create(title="a", stars=1)
    Restaurant.objects.create(title="b", stars=2)
    seen = desk.watch(stream)
    place = Place.objects.get(pk=one.pk)
    place.title = "c"
    place.save()
    desk.check()
    assert [row["title"] for _, row in seen.ordered] == ["b", "c"]


def test_a_row_of_a_parent_model_changes_with_its_childs_row(desk):
    seen = desk.watch(desk.stream(Place, lambda self: Place.objects.order_by("title")))
    one = Restaurant.objects.create(title="a")
    desk.check()
    one.title = "b"
    one.save()
    desk.check()
    one.delete()
    desk.check()
    assert seen.keys == []


def test_a_parents_row_finds_the_partition_of_its_child(desk):
    def restaurants(self, city):
        return Restaurant.objects.filter(city=city)

    stream = desk.stream(Restaurant, restaurants, partition_by=["city"])
    rome, paris = desk.watch(stream, city="rome"), desk.watch(stream, city="paris")
    place = Place.objects.get(pk=Restaurant.objects.create(title="a", city="rome").pk)
    desk.check()
    place.city = "paris"
    place.save()
    desk.check()
    assert (rome.keys, paris.keys) == ([], [str(place.pk)])


def test_a_slice_is_told_of_a_row_that_it_did_not_show_and_that_an_upsert_took_away(desk):
    lanes = [Lane.objects.create(name=name, code=name) for name in ("todo", "done")]
    cards = [Card.objects.create(title=title, lane=lanes[0]) for title in "abc"]

    def second(self, lane):
        return Card.objects.filter(lane=lane).order_by("title")[1:2]

    stream = desk.stream(Card, second, partition_by=["lane"])
    todo, done = desk.watch(stream, lane=lanes[0].pk), desk.watch(stream, lane=lanes[1].pk)
    upsert(Card(pk=cards[0].pk, title="a", lane=lanes[1]), fields=["lane"])
    desk.check()
    assert (todo.keys, done.keys) == ([str(cards[2].pk)], [])


def test_a_partition_by_the_columns_of_two_tables(desk):
    """A live value is found by its partition alone, of which each statement tells a half."""

    def restaurants(self, city, stars):
        return Restaurant.objects.filter(city=city, stars=stars)

    def titles(self):
        return sorted(self.get_queryset(**self.params).values_list("title", flat=True))

    stream = desk.stream(Restaurant, restaurants, partition_by=["city", "stars"], titles=live_value(titles))
    values = [
        desk.watch(stream, format="value:titles", city=city, stars=stars)
        for city in ("rome", "paris")
        for stars in (1, 2)
    ]
    one = Restaurant.objects.create(title="a", city="rome", stars=1)
    desk.tick()
    assert [seen.rows["titles"] for seen in values] == [["a"], [], [], []]
    one.city, one.stars = "paris", 2
    one.save()
    desk.tick()
    assert [seen.rows["titles"] for seen in values] == [[], [], [], ["a"]]


def test_the_second_parent_of_a_row_is_followed_by_its_own_key(desk):
    Shop.objects.create()  # so that the keys of the two parents differ
    stream = desk.stream(BookCafe, lambda self: BookCafe.objects.all(), fields=["title", "goods", "coffee"])
    seen = desk.watch(stream)
    cafe = BookCafe.objects.create(title="a", goods="b", coffee="c")
    desk.check()
    shop = Shop.objects.get(pk=cafe.number)
    shop.goods = "books"
    shop.save()
    desk.check()
    assert seen.rows == {str(cafe.pk): {"title": "a", "goods": "books", "coffee": "c"}}


# What each returns, and what the check says of it.
REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "list": (
        lambda: list(Card.objects.none()),
        "get_queryset of ShapeStream returned list.",
        "Return a QuerySet of Card.",
    ),
    "raw": (
        lambda: Card.objects.raw("SELECT * FROM shapes_card"),
        "get_queryset of ShapeStream returned RawQuerySet.",
        "Return a QuerySet of Card.",
    ),
    "another model": (
        lambda: Lane.objects.all(),
        "get_queryset of ShapeStream returned a QuerySet of Lane.",
        "Return one of Card, the stream's model.",
    ),
    "union": (
        lambda: Card.objects.filter(done=True).union(Card.objects.filter(rank=1)),
        "get_queryset of ShapeStream returned a union(), whose rows cannot be filtered by key.",
        "Join the conditions with Q objects: filter(Q(...) | Q(...)).",
    ),
    "intersection": (
        lambda: Card.objects.filter(done=True).intersection(Card.objects.filter(rank=1)),
        "get_queryset of ShapeStream returned a intersection(), whose rows cannot be filtered by key.",
        "Join the conditions with Q objects: filter(Q(...) | Q(...)).",
    ),
    "random order": (
        lambda: Card.objects.order_by("lane", "?"),
        "get_queryset of ShapeStream orders at random, differently in every query.",
        "Order by a field, and store a random number in it.",
    ),
    "order by a random annotation": (
        lambda: Card.objects.annotate(dice=Random()).order_by("-dice"),
        "get_queryset of ShapeStream orders at random, differently in every query.",
        "Order by a field, and store a random number in it.",
    ),
    "locks": (
        lambda: Card.objects.select_for_update(),
        "get_queryset of ShapeStream locks its rows with select_for_update().",
        "Leave that to actions; live rows are only read.",
    ),
}


@pytest.mark.parametrize(("queryset", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_queryset_that_cannot_be_live_is_an_error_at_start(desk, queryset, message, hint):
    stream = desk.stream(Card, lambda self: queryset())
    error = Error(message, hint=hint, obj="tests.shapes.desk.ShapeStream", id="realtime.E006")
    assert said_of(stream, check_querysets) == [error]


@pytest.mark.parametrize("shape", [*ORDERS.values(), *SHAPES.values(), *ANNOTATED.values()])
def test_queryset_that_can_be_live_passes_the_check(desk, shape):
    stream = desk.stream(Card, lambda self: shape(Card.objects.all()), depends_on=EVERYTHING)
    assert said_of(stream, check_querysets) == []


UNFOLLOWED: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "filter": (lambda: Card.objects.filter(lane__closed=False), ["title"], "shapes.Lane"),
    "order": (lambda: Card.objects.order_by("person__team__name"), ["title"], "shapes.Person, shapes.Team"),
    "exclude": (lambda: Card.objects.exclude(tags__name="x"), ["title"], "shapes.Card_tags, shapes.Tag"),
    "subquery": (lambda: Card.objects.filter(lane__in=Lane.objects.all()), ["title"], "shapes.Lane"),
    "annotation": (lambda: Card.objects.annotate(n=Count("comments")), ["title"], "shapes.Comment"),
    "itself": (lambda: Card.objects.filter(parent__done=True), ["title"], "shapes.Card"),
    "fields": (lambda: Card.objects.all(), ["title", "person.team.name"], "shapes.Person, shapes.Team"),
}


@pytest.mark.parametrize(("queryset", "fields", "models"), UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_model_whose_changes_are_not_followed_is_a_warning(desk, queryset, fields, models):
    stream = desk.stream(Card, lambda self: queryset(), fields=fields)
    assert said_of(stream, check_querysets) == [
        Warning(
            f"ShapeStream reads rows of {models} but does not track their changes.",
            hint="List the relations to them in depends_on, or silence this check if those rows never change.",
            obj="tests.shapes.desk.ShapeStream",
            id="realtime.W003",
        )
    ]


@pytest.mark.parametrize("name", ["one key", "related field", "aggregate", "reversed"])
def test_who_comes_back_is_sent_only_what_was_missed(desk, name):
    """A reset would be right too, and would cost all rows."""
    [put] = _answer_after_a_change(desk, ORDERS[name])["puts"]
    assert (put["key"], put["row"]) == ("5", {"title": "changed"})


def test_who_comes_back_to_a_window_is_sent_what_differs(desk):
    lane = Lane.objects.create(name="a", code="a")
    Card.objects.bulk_create([Card(pk=pk, title=f"card {pk}", rank=pk, lane=lane) for pk in range(1, 10)])
    seen = desk.watch(desk.stream(Card, lambda self: Card.objects.order_by("rank")[:4], depends_on=EVERYTHING))
    away, idle = seen.past(), seen.past()
    Card.objects.filter(pk=9).update(rank=0)  # enters, so that 4 leaves
    desk.tick()
    Card.objects.filter(pk=2).update(title="changed")
    desk.bring(away)
    assert away.answer == {
        "query": away.query,
        "puts": [
            {"key": "9", "row": {"title": "card 9"}},
            {"key": "2", "row": {"title": "changed"}, "after": "1"},
        ],
        "drops": ["4"],
    }
    assert away.keys == seen.keys == ["9", "1", "2", "3"]
    Card.objects.filter(pk=7).update(title="not seen")
    idle.cursor = away.cursor
    desk.bring(idle)
    assert idle.answer is None


@pytest.mark.parametrize("name", ["place among all", "raw", "extra"])
def test_who_comes_back_to_rows_that_enter_by_others_gets_all(desk, name):
    answer = _answer_after_a_change(desk, (SHAPES | ANNOTATED)[name])
    assert answer["reset"] is True


def _answer_after_a_change(desk: Desk, shape: Callable[..., Any]) -> dict[str, Any]:
    lane = Lane.objects.create(name="a", code="a")
    Card.objects.bulk_create([Card(pk=pk, title=f"card {pk}", rank=pk, lane=lane) for pk in range(1, 10)])
    seen = desk.watch(desk.stream(Card, lambda self: shape(Card.objects.all()), depends_on=EVERYTHING))
    away = seen.past()
    Card.objects.filter(pk=5).update(title="changed")
    desk.bring(away)
    assert away.answer is not None
    return away.answer


def test_row_that_enters_with_no_change_that_is_followed_reaches_who_comes_next(desk):
    """Nothing tells of it, but everyone is brought to one state as soon as someone asks."""
    lane = Lane.objects.create(name="a", code="a", closed=True)
    Card.objects.create(title="card", lane=lane)
    stream = desk.stream(Card, lambda self: Card.objects.filter(lane__closed=False).order_by("pk"))
    first = desk.watch(stream)
    away = first.past()
    Lane.objects.update(closed=False)
    desk.tick()
    assert first.keys == []
    second = desk.watch(stream)
    desk.bring(away)
    assert len(first.keys) == 1
    assert first.keys == second.keys == away.keys


def test_rows_that_differ_are_sent_where_each_shows_something_of_others(desk):
    lane = Lane.objects.create(name="a", code="a")
    Card.objects.bulk_create([Card(pk=pk, title="", rank=pk, lane=lane) for pk in range(1, 6)])
    shape = ANNOTATED["place among all"]
    stream = desk.stream(Card, lambda self: shape(Card.objects.all()), fields=["rank", "shown"])
    seen = desk.watch(stream, fresh=lambda self: shape(Card.objects.all(), "pk"))
    Card.objects.filter(pk=4).update(rank=2)
    Card.objects.filter(pk=1).update(rank=9)
    desk.check()
    assert [put["key"] for put in seen.deltas[0]["puts"]] == ["1", "2", "4", "5"]  # the third is still the third
    Card.objects.filter(pk=5).update(title="not shown")
    desk.tick()
    assert len(seen.deltas) == 1


def _ordered(model: Any, *fields: str) -> Callable[[Any], Any]:
    return lambda self: model.objects.order_by(*fields)


def _as_objects(queryset: Any) -> Any:
    """What values() gives, as the objects that a live query has in their place."""
    if queryset._fields is None:
        return queryset
    rows = list(queryset.values("pk", *queryset.query.annotations))
    found = Card.objects.in_bulk([row["pk"] for row in rows])
    for row in rows:
        vars(found[row["pk"]]).update(row | {"id": row["pk"]})
        vars(found[row["pk"]]).pop("pk")
    return [found[row["pk"]] for row in rows]
