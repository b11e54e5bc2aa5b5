"""Random writes to the board, each committed by itself or several as one transaction."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F

from tests.shapes.models import Card, Comment, Lane, Membership, Person, Remark, Tag, Team

# what collations sort differently, among them texts that some of them hold for equal
TITLES = ["apple", "Apple", "äpple", "zebra", "Zebra", "éclair", "eclair", "_under", "10", "9", "", "straße", "ÉCLAIR"]
WRITES: list[Callable[[random.Random], None]] = []


def seed(rng: random.Random, cards: int = 8) -> None:
    """A board with a few of everything."""
    teams = [Team.objects.create(name=name) for name in ("red", "blue")]
    people = [Person.objects.create(name=name, team=rng.choice(teams)) for name in ("ada", "Ben", "cleo")]
    lanes = [Lane.objects.create(name=name, code=name) for name in ("todo", "Doing", "done")]
    for lane in lanes:
        Membership.objects.create(lane=lane, person=rng.choice(people))
    for name in ("new", "old", "hot"):
        Tag.objects.create(name=name)
    for _ in range(cards):
        add_card(rng)


def write_some(rng: random.Random) -> None:
    """One to four writes in a transaction."""
    with transaction.atomic():
        for _ in range(rng.randint(1, 4)):
            rng.choice(WRITES)(rng)


def _write(function: Callable[[random.Random], None]) -> Callable[[random.Random], None]:
    WRITES.append(function)
    return function


def _any(model: Any, rng: random.Random) -> Any:
    rows = list(model.objects.order_by("pk"))
    return rng.choice(rows) if rows else None


@_write
def add_card(rng: random.Random) -> None:
    card = Card.objects.create(
        title=rng.choice(TITLES),
        rank=rng.choice([None, 1, 1, 2, 3, 3]),
        done=rng.random() < 0.3,
        lane=_any(Lane, rng) or Lane.objects.create(name="new", code=f"new{rng.random()}"),
        person=rng.choice([None, _any(Person, rng)]),
        parent=rng.choice([None, None, _any(Card, rng)]),
    )
    card.tags.set([tag for tag in Tag.objects.all() if rng.random() < 0.4])


@_write
def change_card(rng: random.Random) -> None:
    if card := _any(Card, rng):
        setattr(card, *rng.choice([("title", rng.choice(TITLES)), ("rank", rng.choice([None, 1, 2])), ("done", True)]))
        card.save()


@_write
def move_card(rng: random.Random) -> None:
    if card := _any(Card, rng):
        card.lane, card.person = _any(Lane, rng), _any(Person, rng)
        card.save(update_fields=["lane", "person"])


@_write
def delete_card(rng: random.Random) -> None:
    if card := _any(Card, rng):
        card.delete()


@_write
def tag_card(rng: random.Random) -> None:
    card, tag = _any(Card, rng), _any(Tag, rng)
    if card and tag:
        rng.choice([card.tags.add, card.tags.remove])(tag)


@_write
def clear_tags(rng: random.Random) -> None:
    if tag := _any(Tag, rng):
        tag.cards.clear()


@_write
def delete_tag(rng: random.Random) -> None:
    if tag := _any(Tag, rng):
        tag.delete()
        Tag.objects.create(name=rng.choice(TITLES))


@_write
def rename(rng: random.Random) -> None:
    if row := _any(rng.choice([Person, Team, Lane, Tag]), rng):
        row.name = rng.choice(TITLES)
        row.save()


@_write
def change_team(rng: random.Random) -> None:
    if person := _any(Person, rng):
        person.team = rng.choice([None, _any(Team, rng)])
        person.save()


@_write
def close_lane(rng: random.Random) -> None:
    lane = _any(Lane, rng)
    lane.closed = not lane.closed
    lane.save()


@_write
def add_comment(rng: random.Random) -> None:
    if card := _any(Card, rng):
        Comment.objects.create(card=card, author=_any(Person, rng), text=rng.choice(TITLES))


@_write
def move_comment(rng: random.Random) -> None:
    if comment := _any(Comment, rng):
        comment.card = _any(Card, rng)
        comment.save()


@_write
def delete_comment(rng: random.Random) -> None:
    if comment := _any(Comment, rng):
        comment.delete()


@_write
def remark(rng: random.Random) -> None:
    about = _any(rng.choice([Card, Lane]), rng)
    if about and rng.random() < 0.6:
        Remark.objects.create(about=about, text=rng.choice(TITLES))
    elif remark := _any(Remark, rng):
        remark.delete()


@_write
def join_or_leave(rng: random.Random) -> None:
    person, lane = _any(Person, rng), _any(Lane, rng)
    if person and rng.random() < 0.5:
        Membership.objects.create(lane=lane, person=person)
    elif membership := _any(Membership, rng):
        membership.delete()


@_write
def delete_person(rng: random.Random) -> None:
    if person := _any(Person, rng):
        person.delete()
        Person.objects.create(name=rng.choice(TITLES), team=_any(Team, rng))


@_write
def bulk(rng: random.Random) -> None:
    cards = Card.objects.filter(rank=rng.choice([1, 2, 3]))
    match rng.randint(0, 3):
        case 0:
            cards.update(rank=F("rank") + 1)
        case 1:
            cards.update(lane=_any(Lane, rng))
        case 2:
            cards.delete()
        case 3:
            lane = _any(Lane, rng)
            Card.objects.bulk_create([Card(title=title, rank=2, lane=lane) for title in rng.sample(TITLES, 3)])
