"""Rows: writes the changes for peers that observe a model, in one thread of the server process."""

import time
from itertools import cycle
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from benchmarks.peers.models import Item

_items: Any = None


def _write(text: str) -> float:
    global _items
    if text.startswith("++"):
        item = Item(room=1, text=text)
    else:
        _items = _items or cycle(Item.objects.filter(room=1).order_by("pk")[:10])
        item = next(_items)
        item.text = text
    with transaction.atomic():
        item.save()
        return time.time()


publish = sync_to_async(_write)


def _touch(room: int) -> float:
    """Change all rows of a room in one transaction, and return the time just before the commit."""
    with transaction.atomic():
        Item.objects.filter(room=room).update(text=f"@@{time.time()}".ljust(200, "x"))
        return time.time()


async def burst(room: str) -> dict[str, Any]:
    return {"at": await sync_to_async(_touch)(int(room))}


def _fill(number: int) -> int:
    Item.objects.filter(room=1).delete()
    Item.objects.bulk_create([Item(room=1, text=f"row {row}") for row in range(number)])
    return Item.objects.filter(room=1).count()


async def fill(number: str) -> dict[str, Any]:
    return {"rows": await sync_to_async(_fill)(int(number))}


def write_all(number: int, *, at_once: int = 1) -> float:
    """Write new rows as fast as possible, `at_once` in each transaction."""
    for row in range(0, number, at_once):
        rows = [Item(room=1, text=f"@@{row + step:08}".ljust(200, "x")) for step in range(at_once)]
        if at_once == 1:
            rows[0].save()
        else:
            Item.objects.bulk_create(rows)
    return time.time()


async def flood(number: str) -> dict[str, Any]:
    return {"at": await sync_to_async(write_all)(int(number))}
