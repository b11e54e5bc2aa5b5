"""Rows by serializers of Django REST framework."""

import copy
import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework import serializers

from realtime.checks.setup import check_querysets
from tests.fields.models import Everything, Kind
from tests.shapes.desk import statements
from tests.shapes.models import Card, Comment, Lane, Person, Tag
from tests.support.streams import said_of


class CommentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Comment
        fields = ["text"]


class LaneSerializer(serializers.ModelSerializer):
    class Meta:
        model = Lane
        fields = ["name"]


class CardSerializer(serializers.ModelSerializer):
    lane = LaneSerializer()
    comments = CommentSerializer(many=True)
    tags = serializers.SlugRelatedField("name", many=True, read_only=True)
    who = serializers.CharField(source="person.name", default=None)
    label = serializers.SerializerMethodField()
    stream = serializers.SerializerMethodField()

    class Meta:
        model = Card
        fields = ["id", "title", "lane", "comments", "tags", "who", "label", "stream"]

    def get_label(self, card):
        return f"{card.title} in {card.lane.name}"

    def get_stream(self, card):
        return self.context["stream"].params


PEOPLE = "shapes.Person, shapes.Team"
DEPENDS = ["lane", "comments", "tags", "person"]


def cards(self):
    return Card.objects.select_related("lane", "person").prefetch_related("comments", "tags").order_by("pk")


def plain(self):
    return Card.objects.order_by("pk")


@pytest.fixture
def lane(desk):
    return Lane.objects.create(name="todo", code="todo")


def card(lane, title="one"):
    card = Card.objects.create(title=title, lane=lane, person=Person.objects.create(name="ada"))
    card.tags.add(Tag.objects.create(name="new"))
    card.comments.create(text="first")
    return card


def test_nested_rows_and_computed_values(desk, lane):
    seen = desk.watch(desk.stream(Card, cards, fields=[], serializer_class=CardSerializer, depends_on=DEPENDS))
    one = card(lane)
    desk.tick()
    expected = {
        "id": one.pk,
        "title": "one",
        "lane": {"name": "todo"},
        "comments": [{"text": "first"}],
        "tags": ["new"],
        "who": "ada",
        "label": "one in todo",
        "stream": {},
    }
    assert seen.rows == {str(one.pk): expected}
    assert desk.watch(type(seen.stream)).rows == seen.rows


@pytest.mark.parametrize(
    ("change", "field", "shown"),
    [
        (lambda card: Lane.objects.update(name="done"), "lane", {"name": "done"}),
        (lambda card: Comment.objects.update(text="second"), "comments", [{"text": "second"}]),
        (lambda card: card.comments.create(text="second"), "comments", [{"text": "first"}, {"text": "second"}]),
        (lambda card: Tag.objects.update(name="old"), "tags", ["old"]),
        (lambda card: card.tags.clear(), "tags", []),
        (lambda card: Person.objects.update(name="ben"), "who", "ben"),
    ],
    ids=["foreign key", "reverse key", "new related row", "tag", "untagged", "source"],
)
def test_change_of_what_is_nested_shows(desk, lane, change, field, shown):
    one = card(lane)
    seen = desk.watch(desk.stream(Card, cards, fields=[], serializer_class=CardSerializer, depends_on=DEPENDS))
    change(one)
    desk.tick()
    assert seen.rows[str(one.pk)][field] == shown


def test_many_rows_take_as_many_statements_as_one(desk, lane):
    """The QuerySet's own select_related and prefetch_related hold for changed rows too."""
    desk.watch(desk.stream(Card, cards, fields=[], serializer_class=CardSerializer, depends_on=DEPENDS))
    for number in range(6):
        card(lane, f"card {number}")
    desk.tick()
    counts = []
    for number in (1, 5):
        Card.objects.filter(title__lte=f"card {number - 1}").update(title="again")
        with statements() as captured:
            desk.tick()
        counts.append(len(captured.only))
    assert counts[0] == counts[1]


def test_values_are_the_serializers(desk):
    class Serializer(serializers.ModelSerializer):
        class Meta:
            model = Everything
            fields = ["decimal", "date_time", "duration", "uuid", "json", "size", "file", "foreign_key"]

    stream = desk.stream(Everything, lambda self: Everything.objects.all(), fields=[], serializer_class=Serializer)
    seen = desk.watch(stream)
    moment = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    row = Everything.objects.create(
        decimal=Decimal("1.5"),
        date_time=moment,
        duration=datetime.timedelta(hours=25),
        json={"a": [None]},
        size="s",
        file="a.txt",
        foreign_key=Kind.objects.create(name="kind"),
    )
    with timezone.override("Asia/Tokyo"):  # the writer's own
        desk.tick()
    assert seen.rows == {
        str(row.pk): {
            "decimal": "1.5000",
            "date_time": "2026-01-02T06:00:00-06:00",  # the site's
            "duration": "1 01:00:00",
            "uuid": None,
            "json": {"a": [None]},
            "size": "s",
            "file": "/a.txt",
            "foreign_key": str(row.foreign_key_id),
        }
    }


class PersonSerializer(serializers.ModelSerializer):
    team = serializers.StringRelatedField()

    class Meta:
        model = Person
        fields = ["name", "team"]


UNFOLLOWED: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "nested": ({"lane": LaneSerializer()}, [], "shapes.Lane"),
    "nested in what is nested": ({"person": PersonSerializer()}, ["person"], "shapes.Team"),
    "many": ({"comments": CommentSerializer(many=True)}, [], "shapes.Comment"),
    "source": ({"who": serializers.CharField(source="person.team.name")}, ["person"], "shapes.Team"),
    "slug": ({"tags": serializers.SlugRelatedField("name", many=True, read_only=True)}, [], "shapes.Tag"),
    "slug of a relation": (
        {"person": serializers.SlugRelatedField("team__name", read_only=True)},
        ["person"],
        "shapes.Team",
    ),
    "text of a related row": ({"parent": serializers.StringRelatedField()}, ["children"], "shapes.Card"),
    "keys of those that point": (
        {"comments": serializers.PrimaryKeyRelatedField(many=True, read_only=True)},
        [],
        "shapes.Comment",
    ),
    "another relation to the same model": ({"card": PersonSerializer(source="person")}, ["lane__members"], PEOPLE),
}


def serializer_with(parts):
    meta = type("Meta", (), {"model": Card, "fields": ["id", *parts]})
    return type("MadeSerializer", (serializers.ModelSerializer,), {**parts, "Meta": meta})


@pytest.mark.parametrize(("parts", "depends_on", "models"), UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_relation_that_is_serialized_and_not_followed_is_a_warning(desk, parts, depends_on, models):
    serializer = serializer_with(copy.deepcopy(parts))
    stream = desk.stream(Card, plain, fields=[], serializer_class=serializer, depends_on=depends_on)
    assert [(message.msg, message.id) for message in said_of(stream, check_querysets)] == [
        (f"ShapeStream reads rows of {models} but does not track their changes.", "realtime.W003")
    ]


FOLLOWED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all that is read": ({"person": PersonSerializer(), "lane": LaneSerializer()}, ["person__team", "lane"]),
    "keys in the row": ({"lane": serializers.PrimaryKeyRelatedField(read_only=True)}, []),
    "keys in the rows between": ({"tags": serializers.PrimaryKeyRelatedField(many=True, read_only=True)}, []),
    "what is only written": ({"lane": LaneSerializer(write_only=True)}, []),
    "methods, which cannot be seen": ({"label": serializers.SerializerMethodField(method_name="get_fields")}, []),
}


@pytest.mark.parametrize(("parts", "depends_on"), FOLLOWED.values(), ids=FOLLOWED)
def test_serializer_whose_relations_are_followed_passes_the_check(desk, parts, depends_on):
    serializer = serializer_with(copy.deepcopy(parts))
    stream = desk.stream(Card, plain, fields=[], serializer_class=serializer, depends_on=depends_on)
    assert said_of(stream, check_querysets) == []


def test_serializer_that_nests_itself_is_checked(desk):
    class Nested(serializers.ModelSerializer):
        class Meta:
            model = Card
            fields = ["id", "lane"]

        def get_fields(self):
            return super().get_fields() | {"parent": Nested(), "lane": LaneSerializer()}

    stream = desk.stream(Card, plain, fields=[], serializer_class=Nested, depends_on=["lane"])
    [message] = said_of(stream, check_querysets)
    assert message.msg == "ShapeStream reads rows of shapes.Card but does not track their changes."


def test_rows_of_another_serializer_are_no_base_for_a_delta(desk):
    one, other = (
        desk.stream(Card, cards, fields=[], serializer_class=serializer)({}).format_fingerprint("data")
        for serializer in (CardSerializer, LaneSerializer)
    )
    assert one != other
