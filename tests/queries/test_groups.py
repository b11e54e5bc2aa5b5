"""Groups are live rows: they equal fresh groups after any write, for clients that stay and for those that return."""

import json
import os
import random
from typing import Any, NamedTuple

import pytest
from django.core.checks import Error
from django.db.models import Count, F, JSONField, Q, Sum, Value
from django.db.models.expressions import Window
from django.db.models.functions import Length, Rank

from realtime.checks.setup import check_querysets, check_streams, check_untracked_fields
from realtime.exceptions import StreamDefinitionError
from realtime.queries.formats import live_query
from realtime.streams.registry import place
from realtime.streams.window import page
from tests.fields.models import Everything
from tests.queries.test_shapes import ROUNDS
from tests.shapes.models import Card, Lane
from tests.shapes.writes import seed, write_some
from tests.support.streams import said_of

SEED = int(os.environ.get("REALTIME_SHAPES_SEED", "7"))
TOTAL = {"n": Count("pk")}


class Shape(NamedTuple):
    """A QuerySet of groups, the values that make their key, and an order without ties."""

    make: Any
    key: list[str]
    order: list[Any]

    def fresh(self, fields):
        """The keys and rows of fresh groups."""
        rows = self.make(Card.objects.all())
        low, high = rows.query.low_mark, rows.query.high_mark
        rows.query.clear_limits()
        rows = rows.order_by(*self.order, *map(F, self.key))[low:high]
        named = [row if isinstance(row, dict) else dict(zip(["lane", "n"], row, strict=True)) for row in rows]
        return [
            (
                json.dumps(
                    [None if row[name] is None else str(row[name]) for name in self.key],
                    separators=(",", ":"),
                    ensure_ascii=False,
                ),
                {name: row[name] for name in fields},
            )
            for row in named
        ]


GROUPS = {
    "one value": Shape(lambda cards: cards.values("lane").annotate(**TOTAL), ["lane"], []),
    "largest first": Shape(lambda cards: cards.values("lane").annotate(**TOTAL).order_by("-n"), ["lane"], ["-n"]),
    "several values": Shape(
        lambda cards: cards.values("lane", "done").annotate(n=Sum("rank")).order_by("done", "-lane"),
        ["lane", "done"],
        ["done", F("lane").desc()],
    ),
    "nulls": Shape(
        lambda cards: cards.values("rank").annotate(**TOTAL).order_by(F("rank").desc(nulls_last=True)),
        ["rank"],
        [F("rank").desc(nulls_last=True)],
    ),
    "a related value": Shape(
        lambda cards: cards.values("lane__name").annotate(**TOTAL).order_by("lane__name"), ["lane__name"], []
    ),
    "order of a related row": Shape(
        lambda cards: cards.values("lane").annotate(**TOTAL).order_by("lane__name"), ["lane"], ["lane__name"]
    ),
    "expression": Shape(lambda cards: cards.values(size=Length("title")).annotate(**TOTAL), ["size"], []),
    "tuples": Shape(lambda cards: cards.values_list("lane").annotate(**TOTAL), ["lane"], []),
    "total of another relation": Shape(
        lambda cards: cards.values("lane").annotate(n=Count("comments", distinct=True)), ["lane"], []
    ),
    "condition on the total": Shape(
        lambda cards: cards.values("lane").annotate(**TOTAL).filter(n__gt=1), ["lane"], []
    ),
    "part of the total": Shape(
        lambda cards: cards.values("lane").annotate(n=Count("pk", filter=Q(done=True))), ["lane"], []
    ),
    "first groups": Shape(lambda cards: cards.values("rank").annotate(**TOTAL).order_by("-n")[:2], ["rank"], ["-n"]),
    "rank of a group": Shape(
        lambda cards: cards.values("lane").annotate(count=Count("pk"), n=Window(Rank(), order_by=F("count").desc())),
        ["lane"],
        [],
    ),
    "distinct values": Shape(lambda cards: cards.values("lane", "done").distinct(), ["lane", "done"], []),
}


def groups(desk, make, **options):
    options = {"fields": ["n"], "depends_on": ["lane", "comments"], **options}
    return desk.stream(Card, lambda self: make(Card.objects.all()), **options)


@pytest.mark.databases
def test_groups_of_every_shape_equal_fresh_ones(desk):
    rng = random.Random(SEED)
    seed(rng)
    clients = {}
    for name, shape in GROUPS.items():
        fields = [*shape.key, *(["n"] if name != "distinct values" else [])]
        clients[name] = desk.watch(groups(desk, shape.make, fields=fields))
    away = {name: [seen.past()] for name, seen in clients.items()}
    for _ in range(ROUNDS):
        write_some(rng)
        desk.tick()
        back = {name: rng.choice(away[name]).past() for name in clients}
        desk.bring(*back.values())
        for name, seen in clients.items():
            fresh = GROUPS[name].fresh(seen.stream.fields)
            assert (name, seen.ordered) == (name, fresh)
            assert (name, back[name].ordered) == (name, fresh)
            away[name].append(seen.past())


@pytest.fixture
def lanes(desk):
    return [Lane.objects.create(name=name, code=name) for name in ("todo", "done")]


def test_row_that_moves_changes_the_group_it_leaves_and_the_one_it_enters(desk, lanes):
    todo, done = lanes
    Card.objects.bulk_create([Card(title=title, lane=todo) for title in "ab"])
    Card.objects.create(title="c", lane=done)
    seen = desk.watch(groups(desk, GROUPS["one value"].make, fields=["lane", "n"]))
    assert seen.ordered == [
        (f'["{todo.pk}"]', {"lane": todo.pk, "n": 2}),
        (f'["{done.pk}"]', {"lane": done.pk, "n": 1}),
    ]
    Card.objects.filter(title="a").update(lane=done)
    desk.tick()
    assert seen.ordered == [
        (f'["{todo.pk}"]', {"lane": todo.pk, "n": 1}),
        (f'["{done.pk}"]', {"lane": done.pk, "n": 2}),
    ]
    Card.objects.filter(title="b").delete()
    desk.tick()
    assert seen.ordered == [(f'["{done.pk}"]', {"lane": done.pk, "n": 2})]


def test_only_groups_that_differ_are_sent(desk, lanes):
    done = lanes[1]
    Card.objects.bulk_create([Card(title="a", lane=lane) for lane in lanes])
    seen = desk.watch(groups(desk, GROUPS["one value"].make, fields=["lane", "n"]))
    Card.objects.create(title="b", lane=done)
    desk.tick()
    [delta] = seen.deltas
    assert [put["key"] for put in delta["puts"]] == [f'["{done.pk}"]']
    Card.objects.filter(title="b").update(title="c")
    desk.tick()
    assert len(seen.deltas) == 1


def test_row_that_leaves_a_partition_leaves_its_groups(desk, lanes):
    todo, done = lanes
    Card.objects.bulk_create([Card(title=title, lane=todo, rank=1) for title in "ab"])
    stream = desk.stream(
        Card,
        lambda self, lane: Card.objects.filter(lane=lane).values("rank").annotate(n=Count("pk")),
        fields=["rank", "n"],
        partition_by=["lane"],
    )
    left, entered = desk.watch(stream, lane=todo.pk), desk.watch(stream, lane=done.pk)
    Card.objects.filter(title="a").update(lane=done)
    desk.tick()
    assert (left.ordered, entered.ordered) == ([('["1"]', {"rank": 1, "n": 1})],) * 2


def test_group_of_nothing_is_not_the_group_of_a_text(desk, lanes):
    Card.objects.bulk_create([Card(title=title, lane=lanes[0]) for title in ("None", "")])

    def make(cards):
        nothing = Value(None, output_field=Card._meta.get_field("title"))
        return cards.annotate(nothing=nothing).values("title", "nothing").annotate(**TOTAL)

    seen = desk.watch(groups(desk, make))
    assert seen.keys == ['["",null]', '["None",null]']


@pytest.mark.databases
@pytest.mark.parametrize("column", ["json", "json__status"])
def test_groups_by_json_are_groups_whatever_is_written(desk, column):
    def make(self):
        return Everything.objects.values(column).annotate(**TOTAL)

    seen = desk.watch(desk.stream(Everything, make, fields=[column, "n"]))
    past = [seen.past()]
    values = [1, "1", None, "null", True, 10**30, ["1"], [1], {"a" * 80: 1}, {"a" * 80: 2}, 1, None]
    for value in [{"status": value} for value in values] if "__" in column else values:
        Everything.objects.create(json=value)
        desk.tick()
        past.append(seen.past())
    Everything.objects.create(json=Value(None, JSONField()) if column == "json" else {})
    desk.tick()
    Everything.objects.order_by("pk")[0].delete()
    desk.tick()
    desk.bring(*past)
    rows = list(live_query(seen.stream, "data").rows().items())
    assert len(rows) == len(make(None))
    assert [each.ordered for each in (seen, *past)] == [rows] * (len(past) + 1)


def test_groups_have_pages(desk, lanes):
    Card.objects.bulk_create([Card(title="a", lane=lanes[0], rank=rank) for rank in range(5)])
    stream = groups(desk, lambda cards: cards.values("rank").annotate(**TOTAL), paginate_by=2, fields=["rank"])
    shown = live_query(stream({}, None, window=page(9, 2)), "data")
    assert list(shown.rows().values()) == [{"rank": 4}]
    assert 'aria-current="page"' in live_query(stream({}, None, window=page(1, 2)), "pages").rows()["pages"]


def test_groups_render_as_html(desk, lanes, tmp_path, settings):
    (tmp_path / "bar.html").write_text('<li style="width: {{ object.n }}em">{{ card.lane__name }}</li>')
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    Card.objects.create(title="a", lane=lanes[0])
    stream = groups(desk, GROUPS["a related value"].make, template_name="bar.html")
    rows = live_query(stream({}, None), "html").rows()
    assert rows == {'["todo"]': '<li data-live-key="[&quot;todo&quot;]" style="width: 1em">todo</li>'}


UNNAMED = (
    "get_queryset of ShapeStream returned groups without the values that they are grouped by, which make their key."
)
REPEATED = (
    "get_queryset of ShapeStream orders groups by 'title', so Django groups by it too, and the same group comes "
    "several times."
)
REFUSED = {
    "group that is left out": (
        lambda cards: cards.values("lane").annotate(**TOTAL).values("n"),
        UNNAMED,
        'Name them in values() before annotate(): values("column").annotate(total=Count("pk")).',
    ),
    "expression that is left out": (
        lambda cards: cards.values(size=Length("title")).annotate(**TOTAL).values("n"),
        UNNAMED,
        'Name them in values() before annotate(): values("column").annotate(total=Count("pk")).',
    ),
    "order by another field": (
        lambda cards: cards.values("lane").annotate(**TOTAL).order_by("-title"),
        REPEATED,
        "Order by values of the groups: lane, n.",
    ),
    "order by an expression of another field": (
        lambda cards: cards.values("lane").annotate(**TOTAL).order_by(Length("title")),
        REPEATED,
        "Order by values of the groups: lane, n.",
    ),
    "random order": (
        lambda cards: cards.values("lane").annotate(**TOTAL).order_by("?"),
        "get_queryset of ShapeStream orders at random, differently in every query.",
        "Order by a field, and store a random number in it.",
    ),
}


@pytest.mark.parametrize(("make", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_groups_without_a_certain_key_are_an_error_at_start(desk, make, message, hint):
    stream = groups(desk, make)
    error = Error(message, hint=hint, obj=place(stream), id="realtime.E006")
    assert said_of(stream, check_querysets) == [error]


def test_field_that_is_no_value_of_the_groups_is_an_error_at_start(desk):
    stream = groups(desk, GROUPS["one value"].make, fields=["lane", "title"])
    error = Error(
        "ShapeStream.fields names 'title', which is not a value of the groups.",
        hint="They have: lane, n.",
        obj=place(stream),
        id="realtime.E001",
    )
    assert said_of(stream, check_streams) == [error]


@pytest.mark.parametrize("shape", GROUPS.values(), ids=GROUPS)
def test_groups_of_every_shape_pass_the_checks(desk, shape):
    stream = groups(desk, shape.make, fields=shape.key)
    assert said_of(stream, check_streams, check_querysets) == []


def test_untracked_field_that_rows_are_grouped_by_is_an_error(desk, settings):
    groups(desk, GROUPS["nulls"].make)
    settings.REALTIME_UNTRACKED_FIELDS = ["shapes.Card.rank"]
    assert "the QuerySet of ShapeStream reads it" in check_untracked_fields(None)[0].msg


def test_same_group_several_times_is_an_error_of_the_page(desk, lanes):
    Card.objects.bulk_create([Card(title=title, lane=lanes[0]) for title in "ab"])
    stream = groups(desk, lambda cards: cards.values("lane").annotate(**TOTAL).extra(order_by=["title"]), fields=["n"])
    with pytest.raises(StreamDefinitionError, match="several groups with the same values"):
        live_query(stream({}, None), "data").rows()
