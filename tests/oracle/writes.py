"""Writes: one random change, in whatever transaction is open. Numbers choose the row and the values."""

import datetime
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, transaction
from django.db.models import Case, F, OuterRef, Subquery, Value, When

from tests.oracle.models import Box, Errand, Item, Person, Region, Tag
from tests.support.upserts import upsert

TITLES = ["", "a", "A", "b", "B", "ä", "Z", "z", "10", "9", " a", "<&>"]
NAMES = ["ada", "Ada", "ben", "ärn"]
NUMBERS = [None, -1, 0, 1, 2, 3]
DAYS = [None, datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)]

Write = Callable[["Choice"], None]
WRITES: dict[str, Write] = {}


class Choice(NamedTuple):
    """Two numbers; each write makes of them what it needs."""

    a: int
    b: int

    def of(self, values: Any, shift: int = 0) -> Any:
        return values[(self.b + shift) % len(values)]

    def row(self, model: Any, *, by: int | None = None) -> Any:
        """A row of the model, or None where there is none."""
        count = model.objects.count()
        return model.objects.order_by("pk")[(self.a if by is None else by) % count] if count else None

    def some(self, model: Any) -> Any:
        """A part of the model's rows, as a QuerySet."""
        keys = list(model.objects.order_by("pk").values_list("pk", flat=True))
        return model.objects.filter(pk__in=keys[self.a % 3 :: 3])


def perform(name: str, a: int, b: int) -> None:
    WRITES[name](Choice(a, b))


def write(function: Write) -> Write:
    WRITES[function.__name__] = function
    return function


def _values(choice: Choice) -> dict[str, Any]:
    users = list(get_user_model().objects.order_by("pk"))
    return {
        "title": choice.of(TITLES),
        "number": choice.of(NUMBERS, choice.a),
        "done": choice.b % 2 == 0,
        "day": choice.of(DAYS, choice.a),
        "person": choice.row(Person, by=choice.b) if choice.b % 3 else None,
        "reader": choice.of([None, *users], choice.a),
    }


def _new_item(choice: Choice) -> Item | None:
    box = choice.row(Box)
    if box is None:
        return None
    parent = choice.row(Item, by=choice.a + choice.b) if choice.b % 4 == 0 else None
    return Item(box=box, parent=parent, **_values(choice))


@write
def create_item(choice: Choice) -> None:
    if item := _new_item(choice):
        item.save()


@write
def save_item(choice: Choice) -> None:
    if item := choice.row(Item):
        name, value = choice.of(list(_values(choice).items()))
        setattr(item, name, value)
        item.save()


@write
def grow_title(choice: Choice) -> None:
    if item := choice.row(Item):
        item.title = f"{item.title}{choice.of(TITLES)}{choice.b}"[-20:]
        item.save()


@write
def save_unchanged(choice: Choice) -> None:
    for item in choice.some(Item):
        item.save()


@write
def swap_items(choice: Choice) -> None:
    """Each stands where the other stood."""
    if (one := choice.row(Item)) and (other := choice.row(Item, by=choice.b)):
        one.number, other.number, one.title, other.title = other.number, one.number, other.title, one.title
        one.save()
        other.save()


@write
def save_one_field(choice: Choice) -> None:
    if item := choice.row(Item):
        item.number = F("number") + 1
        item.save(update_fields=["number"])


@write
def move_item(choice: Choice) -> None:
    if (item := choice.row(Item)) and (box := choice.row(Box, by=choice.b)):
        item.box = box
        item.save()


@write
def adopt_item(choice: Choice) -> None:
    # parents are older, so that there are no circles
    if item := choice.row(Item):
        older = Item.objects.filter(pk__lt=item.pk).order_by("pk")
        item.parent = older[choice.b % len(older)] if older else None
        item.save()


@write
def delete_item(choice: Choice) -> None:
    if item := choice.row(Item):
        item.delete()


@write
def replace_item(choice: Choice) -> None:
    if item := choice.row(Item):
        item.children.update(parent=None)
        item.tags.clear()
        key = item.pk
        item.delete()
        if again := _new_item(choice):
            again.pk = key
            again.parent = None
            again.save(force_insert=True)


@write
def create_box(choice: Choice) -> None:
    Box.objects.create(title=choice.of(TITLES), rank=choice.a % 4)


@write
def save_box(choice: Choice) -> None:
    if box := choice.row(Box):
        box.title, box.rank = choice.of(TITLES), choice.b % 4
        box.save()


@write
def delete_box(choice: Choice) -> None:
    if box := choice.row(Box):
        box.delete()


@write
def create_person(choice: Choice) -> None:
    Person.objects.create(name=choice.of(NAMES), region=choice.row(Region))


@write
def save_person(choice: Choice) -> None:
    if person := choice.row(Person):
        person.name = choice.of(NAMES)
        person.region = choice.row(Region, by=choice.b) if choice.b % 3 else None
        person.save()


@write
def delete_person(choice: Choice) -> None:
    if person := choice.row(Person):
        person.delete()


@write
def save_region(choice: Choice) -> None:
    region = choice.row(Region) or Region()
    region.name, region.rank = choice.of(NAMES), choice.b % 4
    region.save()


@write
def delete_region(choice: Choice) -> None:
    if region := choice.row(Region):
        region.delete()


@write
def save_tag(choice: Choice) -> None:
    tag = choice.row(Tag) if choice.b % 3 else Tag()
    if tag:
        tag.name = choice.of(NAMES)
        tag.save()


@write
def delete_tag(choice: Choice) -> None:
    if tag := choice.row(Tag):
        tag.delete()


@write
def tag_item(choice: Choice) -> None:
    if (item := choice.row(Item)) and (tag := choice.row(Tag, by=choice.b)):
        choice.of([item.tags.add, item.tags.add, item.tags.remove])(tag)


@write
def add_reader(choice: Choice) -> None:
    user = choice.of(list(get_user_model().objects.order_by("pk")))
    for row in (choice.row(Item), choice.row(Box)):
        if row is not None:
            row.readers.add(user)


@write
def change_readers(choice: Choice) -> None:
    """Of an item or a box, by each method of the manager."""
    row = choice.row(choice.of([Item, Item, Box]))
    users = list(get_user_model().objects.order_by("pk"))
    if row is not None:
        match choice.a % 5:
            case 0 | 1:
                row.readers.remove(users[choice.b % len(users)])
            case 2:
                row.readers.set(users[choice.b % len(users) :])
            case 3:
                row.readers.clear()
            case 4:
                row.readers.add(*users)


@write
def change_links_of_readers(choice: Choice) -> None:
    """The rows of the relation, as objects of their own: moved to another item, or to another user."""
    links = Item.readers.through.objects
    users = list(get_user_model().objects.order_by("pk"))
    item, other, user = choice.row(Item), choice.row(Item, by=choice.b), choice.of(users)
    match choice.a % 4:
        case 0 if item and not links.filter(item=item, user=user).exists():
            links.filter(pk__in=list(links.filter(item=item).values_list("pk", flat=True)[:1])).update(user=user)
        case 1 if item and other and not links.filter(item=other).exists():
            links.filter(item=item).update(item=other)
        case 2:
            links.filter(user=user).delete()
        case 3 if item:
            links.bulk_create([links.model(item=item, user=each) for each in users], ignore_conflicts=True)


@write
def tag_item_anew(choice: Choice) -> None:
    if item := choice.row(Item):
        item.tags.set(choice.some(Tag))


@write
def untag_item(choice: Choice) -> None:
    if item := choice.row(Item):
        item.tags.clear()


@write
def tag_items(choice: Choice) -> None:
    if (tag := choice.row(Tag)) and (item := choice.row(Item, by=choice.b)):
        choice.of([tag.items.add, tag.items.remove])(item)


@write
def untag_items(choice: Choice) -> None:
    if tag := choice.row(Tag):
        tag.items.clear()


@write
def update_items(choice: Choice) -> None:
    name, value = choice.of(list(_values(choice).items()))
    choice.some(Item).update(**{name: value})


@write
def count_items_up(choice: Choice) -> None:
    choice.some(Item).update(number=F("number") + 1)


@write
def move_items(choice: Choice) -> None:
    if box := choice.row(Box, by=choice.b):
        choice.some(Item).update(box=box)


@write
def update_people(choice: Choice) -> None:
    choice.some(Person).update(name=choice.of(NAMES))


@write
def create_items(choice: Choice) -> None:
    items = [_new_item(Choice(choice.a + step, choice.b + step)) for step in range(3)]
    Item.objects.bulk_create([item for item in items if item])


@write
def update_items_in_bulk(choice: Choice) -> None:
    items = list(choice.some(Item))
    for item in items:
        item.title, item.number = choice.of(TITLES, item.pk), choice.of(NUMBERS)
    Item.objects.bulk_update(items, ["title", "number"])


@write
def delete_items(choice: Choice) -> None:
    choice.some(Item).filter(number=choice.of(NUMBERS)).delete()


@write
def upsert_items(choice: Choice) -> None:
    items = [_new_item(Choice(choice.a + step, choice.b + step)) for step in range(2)]
    if None in items:
        return
    if old := choice.row(Item):
        items[0].pk = old.pk
        items[1].pk = old.pk + 50
        items[1].parent = None
    upsert(*items, fields=["title", "box", "number"])


@write
def create_items_where_none_are(choice: Choice) -> None:
    items = [_new_item(Choice(choice.a + step, choice.b + step)) for step in range(2)]
    if (old := choice.row(Item)) and None not in items:
        items[0].pk = old.pk
        Item.objects.bulk_create(items, ignore_conflicts=True)


@write
def update_or_create_item(choice: Choice) -> None:
    if box := choice.row(Box):
        name = choice.of(TITLES)
        # a locking read may see more than the transaction's own snapshot does: no count before would say so
        with suppress(Item.MultipleObjectsReturned):
            Item.objects.update_or_create(title=name, box=box, defaults={"number": choice.of(NUMBERS, choice.a)})


@write
def write_async(choice: Choice) -> None:
    match choice.b % 4:
        case 0 if item := choice.row(Item):
            item.title = choice.of(TITLES, choice.a)
            async_to_sync(item.asave)()
        case 1:
            async_to_sync(choice.some(Item).aupdate)(number=choice.of(NUMBERS))
        case 2 if item := choice.row(Item):
            async_to_sync(item.adelete)()
        case 3 if (item := choice.row(Item)) and (tag := choice.row(Tag, by=choice.b)):
            async_to_sync(item.tags.aadd)(tag)


@write
def write_by_the_proxy(choice: Choice) -> None:
    match choice.b % 3:
        case 0 if box := choice.row(Box):
            Errand.objects.create(box=box, **_values(choice))
        case 1:
            Errand.objects.filter(number=choice.of(NUMBERS)).update(title=choice.of(TITLES))
        case 2 if item := choice.row(Errand):
            item.delete()


@write
def write_links(choice: Choice) -> None:
    """The rows of the many-to-many relation, as objects of their own."""
    links = Item.tags.through.objects
    item, tag = choice.row(Item), choice.row(Tag, by=choice.b)
    match choice.b % 3:
        case 0 if item and tag:
            links.bulk_create([links.model(item=item, tag=tag)], ignore_conflicts=True)
        case 1 if tag:
            links.filter(tag=tag).delete()
        case 2 if item and tag and not links.filter(item=item, tag=tag).exists():
            for link in links.filter(item=item)[:1]:
                link.tag = tag
                link.save()


@write
def write_by_related_managers(choice: Choice) -> None:
    box, item = choice.row(Box), choice.row(Item, by=choice.b)
    person = choice.row(Person)
    match choice.b % 5:
        case 0 if box and item:
            box.items.add(item)
        case 1 if box:
            box.items.update(done=choice.a % 2 == 0)
        case 2 if box:
            box.items.create(**_values(choice))
        case 3 if person:
            person.item_set.clear()
        case 4 if (tag := choice.row(Tag)) and item:
            tag.items.set([item])


@write
def update_by_joins(choice: Choice) -> None:
    match choice.b % 4:
        case 0:
            Item.objects.filter(box__rank=choice.a % 4).update(title=choice.of(TITLES))
        case 1:
            Item.objects.filter(tags__name=choice.of(NAMES)).update(number=choice.a % 3)
        case 2:
            choice.some(Item).update(number=Subquery(Box.objects.filter(pk=OuterRef("box")).values("rank")[:1]))
        case 3:
            choice.some(Item).update(title=Case(When(done=True, then=Value("done")), default=F("title")))


@write
def delete_by_joins(choice: Choice) -> None:
    Item.objects.filter(tags__name=choice.of(NAMES), box__rank=choice.a % 4).delete()


@write
def move_items_in_bulk(choice: Choice) -> None:
    items, boxes = list(choice.some(Item)), list(Box.objects.order_by("pk"))
    for item in items:
        item.box, item.done = boxes[(item.pk + choice.b) % len(boxes)], not item.done
    Item.objects.bulk_update(items, ["box", "done"])


@write
def give_item_another_key(choice: Choice) -> None:
    if item := choice.row(Item):
        item.children.update(parent=None)
        item.tags.clear()
        item.readers.clear()
        new = item.pk + 1000
        if not Item.objects.filter(pk=new).exists():
            Item.objects.filter(pk=item.pk).update(id=new)


class Undo(Exception):
    """Ends a transaction or a savepoint without its changes."""


def perform_all(transactions: list[list[Any]]) -> None:
    """Transactions one after the other: `[keep, step, …]`, where a step is a write or such a list: a savepoint.

    What others do at the same time may make any of them impossible, and then it is rolled back.
    """
    for steps in transactions:
        try:
            _transaction(steps)
        except (DatabaseError, ObjectDoesNotExist, IndexError):
            continue


def _transaction(steps: list[Any]) -> None:
    keep, *inner = steps
    try:
        with transaction.atomic():
            for step in inner:
                if isinstance(step[0], str):
                    perform(*step)
                else:
                    _transaction(step)
            if not keep:
                raise Undo
    except Undo:
        pass
