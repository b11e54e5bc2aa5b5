"""Live queries of every shape equal a fresh QuerySet after each change, and for each client that comes back."""

import random
from collections.abc import Callable
from typing import Any

import pytest
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
from django.db.models.functions import Length, Lower, RowNumber

from tests.shapes.desk import Desk, Seen
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
    "select_related of all": lambda cards, *tie: cards.select_related().order_by("title", *tie),
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
if connection.vendor == "postgresql":
    SHAPES["first of each"] = lambda cards, *tie: cards.order_by("lane", "-rank", *tie).distinct("lane")
    SHAPES["one of each"] = lambda cards, *tie: cards.order_by(*(("lane", *tie) if tie else ())).distinct("lane")


@pytest.mark.parametrize(
    ("shapes", "fields"),
    [
        pytest.param(ORDERS, FIELDS, id="orders"),
        pytest.param(SHAPES, FIELDS, id="shapes"),
        pytest.param(ANNOTATED, [*FIELDS, "shown"], id="annotations"),
    ],
)
def test_live_queries_equal_their_querysets_after_every_change(desk, shapes, fields):
    rng = random.Random(7)
    seed(rng)
    clients = {name: _watched(desk, shape, fields) for name, shape in shapes.items()}
    away = {name: [seen.past()] for name, seen in clients.items()}
    for _ in range(10):
        write_some(rng)
        desk.check()
        back = {name: rng.choice(away[name]).past() for name in clients}
        desk.bring(*back.values())
        for name, seen in clients.items():
            back[name].check()
            away[name].append(seen.past())


def _watched(desk: Desk, shape: Callable[..., Any], fields: list[str]) -> Seen:
    stream = desk.stream(Card, lambda self: shape(Card.objects.all()), fields=fields, depends_on=EVERYTHING)
    return desk.watch(stream, fresh=lambda self: _as_objects(shape(Card.objects.all(), "pk")))


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
