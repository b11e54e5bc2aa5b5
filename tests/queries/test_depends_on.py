"""Related rows: a change refreshes the rows that show them, in each live query that has one, and in no other."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count

from realtime.changelog.base import LoggedChange
from realtime.models import Change
from realtime.queries.expansion import Expansion, by_model
from tests.shapes.desk import Desk, Seen, statements
from tests.shapes.models import (
    BookCafe,
    Card,
    Comment,
    Cover,
    Lane,
    Meal,
    Membership,
    Person,
    Place,
    Remark,
    Restaurant,
    Seat,
    Shop,
    Tag,
    Team,
    Ticket,
)
from tests.support.upserts import upsert


@pytest.fixture
def lanes(desk):
    return [Lane.objects.create(name=name, code=name) for name in ("todo", "doing", "done")]


def card(lane: Lane, title: str = "", **fields: object) -> Card:
    return Card.objects.create(lane=lane, title=title, **fields)


def live_cards(desk: Desk, lanes: list[Lane], depends_on: list[str], fields: list[str]) -> list[Seen]:
    """The cards of each lane, live."""

    def cards(self, lane):
        return Card.objects.filter(lane=lane).annotate(comment_count=Count("comments")).order_by("title", "pk")

    stream = desk.stream(Card, cards, partition_by=["lane"], depends_on=depends_on, fields=["title", *fields])
    return [desk.watch(stream, lane=lane.pk) for lane in lanes]


class AtLeast(list):
    """Equal to lists that it holds: on MySQL an UPDATE without keys has more rows sent than have changed."""

    __hash__ = None

    def __eq__(self, expected: object) -> bool:
        if connection.vendor != "mysql":
            return list.__eq__(self, expected)
        if None not in expected and not any(isinstance(each, list) for each in expected):
            return set(expected) <= set(self)
        return all(none is None or set(none) <= set(some or ()) for some, none in zip(self, expected, strict=True))


def sent(desk: Desk, lives: list[Seen]) -> list[list[str] | None]:
    """Tick, compare, and say which rows each live query was sent; None for no delta."""
    for seen in lives:
        seen.deltas.clear()
    desk.check()
    return AtLeast([_puts(seen) if seen.deltas else None for seen in lives])


def _puts(seen: Seen) -> list[str]:
    return [put["row"]["title"] for delta in seen.deltas for put in delta.get("puts", ())]


class TestForeignKeys:
    def test_rename_refreshes_the_rows_that_show_the_name(self, desk, lanes):
        ada, ben = (Person.objects.create(name=name) for name in ("ada", "ben"))
        card(lanes[0], "a", person=ada)
        card(lanes[0], "b", person=ben)
        card(lanes[1], "c", person=ada)
        card(lanes[2], "d", person=ben)
        lives = live_cards(desk, lanes, ["person"], ["person.name"])
        ada.name = "Ada"
        ada.save()
        assert sent(desk, lives) == [["a"], ["c"], None]

    def test_rename_is_followed_over_several_steps(self, desk, lanes):
        team = Team.objects.create(name="red")
        card(lanes[0], "a", person=Person.objects.create(name="ada", team=team))
        card(lanes[1], "b", person=Person.objects.create(name="ben"))
        lives = live_cards(desk, lanes, ["person__team"], ["person.team.name"])
        Team.objects.update(name="blue")
        assert sent(desk, lives) == [["a"], None, None]
        Person.objects.filter(name="ben").update(team=team)
        assert sent(desk, lives) == [None, ["b"], None]

    def test_statements_do_not_grow_with_live_queries_that_do_not_show_it(self, desk):
        ada = Person.objects.create(name="ada")
        counts = []
        for number in (1, 20):
            lanes = [Lane.objects.create(name="", code=f"{number}-{each}") for each in range(number)]
            card(lanes[0], "a", person=ada)
            live_cards(desk, lanes, ["person"], ["person.name"])
            Person.objects.filter(pk=ada.pk).update(name=str(number))
            with statements() as captured:
                desk.tick()
            counts.append(len(captured.only))
        # the log, the rows that show the person, and for each of the streams the keys and the rows of one live query
        assert counts == [4, 7]

    def test_deletion_sets_null(self, desk, lanes):
        ada = Person.objects.create(name="ada")
        card(lanes[0], "a", person=ada)
        card(lanes[1], "b")
        lives = live_cards(desk, lanes, ["person"], ["person.name"])
        ada.delete()
        assert sent(desk, lives) == [["a"], None, None]

    def test_deletion_cascades(self, desk, lanes):
        card(lanes[0], "a")
        card(lanes[1], "b")
        lives = live_cards(desk, lanes, ["lane"], ["lane.name"])
        lanes[0].delete()
        assert sent(desk, lives) == [[], None, None]
        assert lives[0].keys == []

    def test_other_row_of_the_same_model(self, desk, lanes):
        parent = card(lanes[0], "a")
        card(lanes[1], "b", parent=parent)
        card(lanes[2], "c")
        lives = live_cards(desk, lanes, ["parent"], ["parent.title"])
        Card.objects.filter(pk=parent.pk).update(title="A")
        assert sent(desk, lives) == [["A"], ["b"], None]

    def test_key_that_is_another_rows(self, desk, lanes):
        cover = Cover.objects.create(card=card(lanes[0], "a"), title="x")
        seen = desk.watch(
            desk.stream(Cover, lambda self: Cover.objects.all(), depends_on=["card"], fields=["title", "card.title"])
        )
        Card.objects.filter(pk=cover.pk).update(title="b")
        assert sent(desk, [seen]) == [["x"]]

    def test_child_of_multi_table_inheritance_by_its_parents_row(self, desk):
        restaurant = Restaurant.objects.create(title="old")
        Meal.objects.create(title="soup", restaurant=restaurant)
        stream = desk.stream(
            Meal, lambda self: Meal.objects.all(), depends_on=["restaurant"], fields=["title", "restaurant.title"]
        )
        seen = desk.watch(stream)
        Place.objects.update(title="new")
        assert sent(desk, [seen]) == [["soup"]]

    def test_second_parent_by_its_own_row(self, desk):
        Shop.objects.create()
        BookCafe.objects.create(title="cafe", goods="tea")
        seen = desk.watch(desk.stream(BookCafe, lambda self: BookCafe.objects.all(), fields=["title", "goods"]))
        Shop.objects.update(goods="books")
        assert sent(desk, [seen]) == [["cafe"]]


class TestReverseForeignKeys:
    def test_new_deleted_and_changed_rows(self, desk, lanes):
        one, _ = card(lanes[0], "a"), card(lanes[0], "b")
        lives = live_cards(desk, lanes, ["comments"], ["comment_count"])
        comment = Comment.objects.create(card=one, text="x")
        assert sent(desk, lives) == [["a"], None, None]
        Comment.objects.update(text="y")
        assert sent(desk, lives) == [["a"], None, None]
        comment.delete()
        assert sent(desk, lives) == [["a"], None, None]

    @pytest.mark.parametrize("way", ["save", "update", "upsert"])
    def test_row_that_points_elsewhere_now(self, desk, lanes, way):
        """Both that it has left and that it has come to are refreshed."""
        one, two = card(lanes[0], "a"), card(lanes[1], "b")
        comment = Comment.objects.create(card=one)
        lives = live_cards(desk, lanes, ["comments"], ["comment_count"])
        if way == "save":
            comment.card = two
            comment.save()
        elif way == "update":
            Comment.objects.update(card=two)
        else:
            upsert(Comment(pk=comment.pk, card=two), fields=["card"])
        assert sent(desk, lives)[:2] == [["a"], ["b"]]

    def test_row_that_points_elsewhere_by_an_upsert_and_then_elsewhere_again(self, desk, lanes):
        one, two, three = card(lanes[0], "a"), card(lanes[1], "b"), card(lanes[2], "c")
        comment = Comment.objects.create(card=one)
        lives = live_cards(desk, lanes, ["comments"], ["comment_count"])
        upsert(Comment(pk=comment.pk, card=two), fields=["card"])
        Comment.objects.update(card=three)
        assert sent(desk, lives) == [["a"], ["b"], ["c"]]

    def test_parents_row_of_one_that_points_here(self, desk, lanes):
        """It does not say where its child points, and cannot change it: no more is read than the row it points to."""
        Restaurant.objects.create(title="a", lane=lanes[0])
        stream = desk.stream(
            Lane,
            lambda self, code: Lane.objects.filter(code=code),
            partition_by=["code"],
            depends_on=["restaurants"],
            fields=["name"],
        )
        lives = [desk.watch(stream, code=lane.code) for lane in lanes]
        Restaurant.objects.update(title="b")
        desk.check()
        assert [len(seen.deltas) for seen in lives] == [1, 0, 0]

    def test_what_its_rows_point_to_in_turn(self, desk, lanes):
        ada = Person.objects.create(name="ada")
        Comment.objects.create(card=card(lanes[0], "a"), author=ada)
        card(lanes[1], "b")
        lives = live_cards(desk, lanes, ["comments__author"], ["comment_count"])
        Person.objects.update(name="Ada")
        assert sent(desk, lives) == [["a"], None, None]
        ada.delete()
        assert sent(desk, lives) == [["a"], None, None]
        assert lives[0].rows[lives[0].keys[0]]["comment_count"] == 0

    def test_one_to_one(self, desk, lanes):
        one = card(lanes[0], "a")
        lives = live_cards(desk, lanes, ["cover"], [])
        cover = Cover.objects.create(card=one, title="x")
        assert sent(desk, lives) == [["a"], None, None]
        cover.delete()
        assert sent(desk, lives) == [["a"], None, None]

    def test_column_that_is_not_the_key(self, desk, lanes):
        stream = desk.stream(Lane, lambda self: Lane.objects.order_by("pk"), depends_on=["tickets"], fields=["name"])
        seen = desk.watch(stream)
        ticket = Ticket.objects.create(lane=lanes[1], title="x")
        assert _keys(desk, seen) == [str(lanes[1].pk)]
        ticket.lane = lanes[2]
        ticket.save()
        assert _keys(desk, seen) == [str(lanes[1].pk), str(lanes[2].pk)]
        ticket.delete()
        assert _keys(desk, seen) == [str(lanes[2].pk)]

    def test_rows_with_keys_of_several_columns(self, desk, lanes):
        stream = desk.stream(Lane, lambda self: Lane.objects.order_by("pk"), depends_on=["seat"], fields=["name"])
        seen = desk.watch(stream)
        seat = Seat.objects.create(hall=lanes[1], number="1", title="x")
        assert _keys(desk, seen) == [str(lanes[1].pk)]
        seat.delete()
        assert _keys(desk, seen) == [str(lanes[1].pk)]

    def test_child_of_multi_table_inheritance_that_goes(self, desk, lanes):
        """Its row in the parent's table says nothing of what it pointed to; that in its own does."""
        restaurant = Restaurant.objects.create(title="a")
        Meal.objects.create(title="soup", restaurant=restaurant)
        stream = desk.stream(Restaurant, lambda self: Restaurant.objects.all(), depends_on=["meals"])
        seen = desk.watch(stream)
        Meal.objects.all().delete()
        assert sent(desk, [seen]) == [["a"]]


class TestManyToMany:
    def test_added_removed_and_renamed(self, desk, lanes):
        one, two = card(lanes[0], "a"), card(lanes[1], "b")
        new, old = (Tag.objects.create(name=name) for name in ("new", "old"))
        two.tags.add(old)
        lives = live_cards(desk, lanes, ["tags"], ["tag_names"])
        one.tags.add(new)
        assert sent(desk, lives) == [["a"], None, None]
        Tag.objects.filter(pk=new.pk).update(name="newer")
        assert sent(desk, lives) == [["a"], None, None]
        new.cards.remove(one)
        assert sent(desk, lives) == [["a"], None, None]

    def test_row_linked_with_one_says_nothing_of_the_others(self, desk, lanes):
        """Also where the related model is live itself, so that both ends are told to the log."""
        one, two = card(lanes[0], "a"), card(lanes[1], "b")
        tag = Tag.objects.create(name="new")
        two.tags.add(tag)
        tags = desk.stream(
            Tag, lambda self: Tag.objects.annotate(n=Count("cards")), fields=["name"], depends_on=["cards"]
        )
        tags = desk.watch(tags)
        lives = live_cards(desk, lanes, ["tags"], ["tag_names"])
        one.tags.add(tag)
        assert sent(desk, lives) == [["a"], None, None]
        assert len(tags.deltas) == 1

    def test_deleted(self, desk, lanes):
        one, _ = card(lanes[0], "a"), card(lanes[1], "b")
        tag = Tag.objects.create(name="new")
        one.tags.add(tag)
        lives = live_cards(desk, lanes, ["tags"], ["tag_names"])
        tag.delete()
        assert sent(desk, lives) == [["a"], None, None]

    def test_through_model_of_its_own(self, desk, lanes):
        for number, lane in enumerate(lanes):
            card(lane, str(number))
        ada = Person.objects.create(name="ada")
        lives = live_cards(desk, lanes, ["lane__members"], [])
        membership = Membership.objects.create(lane=lanes[0], person=ada)
        assert sent(desk, lives) == [["0"], None, None]
        Membership.objects.update(role="guest")
        assert sent(desk, lives) == [["0"], None, None]
        Person.objects.update(name="Ada")
        assert sent(desk, lives) == [["0"], None, None]
        membership.lane = lanes[2]
        membership.save()
        assert sent(desk, lives) == [["0"], None, ["2"]]
        ada.delete()
        assert sent(desk, lives) == [None, None, ["2"]]


class TestGenericRelations:
    def test_rows_about_other_models_are_none_of_its_business(self, desk, lanes):
        one = card(lanes[0], "a")
        lane = Lane.objects.create(pk=one.pk + 1000, name="", code="same key")
        other = Card.objects.create(pk=lane.pk, title="b", lane=lanes[1])
        lives = live_cards(desk, lanes, ["remarks"], ["remark_texts"])
        remark = Remark.objects.create(about=one, text="x")
        assert sent(desk, lives) == [["a"], None, None]
        Remark.objects.update(text="y")
        assert sent(desk, lives) == [["a"], None, None]
        Remark.objects.create(about=lane, text="z")
        assert sent(desk, lives) == [None, None, None]
        remark.about = other
        remark.save()
        assert sent(desk, lives) == [["a"], ["b"], None]
        remark.delete()
        assert sent(desk, lives) == [None, ["b"], None]

    def test_logged_key_beyond_integers_is_of_no_row(self, desk):
        stream = desk.stream(Card, lambda self: Card.objects.all(), depends_on=["remarks"])
        kind = ContentType.objects.get_for_model(Card)
        routing = {"object_id": ["123456789012345678901"], "content_type": [str(kind.pk)]}  # of a field for text
        change = LoggedChange(1, "shapes.remark", "1", Change.Kind.UPDATE, routing)
        assert Expansion(stream).expand(by_model([change]), 1000).changes == []


def test_two_rows_that_change_at_once_on_both_ends(desk, lanes):
    one, two = card(lanes[0], "a"), card(lanes[1], "b")
    ada = Person.objects.create(name="ada")
    comment = Comment.objects.create(card=one, author=ada)
    lives = live_cards(desk, lanes, ["comments__author"], ["comment_count"])
    comment.card = two
    comment.save()
    Card.objects.filter(pk=two.pk).update(lane=lanes[2])
    comment.delete()
    ada.delete()
    assert sent(desk, lives) == [["a"], [], ["b"]]


def test_who_comes_back_is_sent_the_rows_that_show_what_has_changed(desk, lanes):
    ada = Person.objects.create(name="ada")
    card(lanes[0], "a", person=ada)
    card(lanes[0], "b")
    (seen,) = live_cards(desk, lanes[:1], ["person", "comments"], ["person.name"])
    away = seen.past()
    ada.delete()
    desk.bring(away)
    away.check()
    assert AtLeast([put["row"]["title"] for put in away.answer["puts"]]) == ["a"]


def _keys(desk: Desk, seen: Seen) -> list[str]:
    seen.deltas.clear()
    desk.check()
    return AtLeast([put["key"] for delta in seen.deltas for put in delta.get("puts", ())])
