"""Rows: writes the changes, in one thread of the server process or in the writer's."""

import math
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from benchmarks.peers.models import Item, Person, Task

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


def users(number: int) -> list[str]:
    """Return the session keys of so many new users."""
    sessions = SessionStore()
    keys, rows = [], []
    for user in User.objects.bulk_create([User(username=f"user {number}") for number in range(number)]):
        content = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        keys.append(get_random_string(32).lower())
        rows.append(Session(keys[-1], sessions.encode(content), timezone.now() + timedelta(days=1)))
    Session.objects.bulk_create(rows)
    return keys


def fill_rooms(rooms: int, each: int) -> None:
    Item.objects.bulk_create(
        [Item(room=room, text="row") for row in range(each) for room in range(2, rooms + 2)], batch_size=5000
    )


def change_rooms(changes: int, *, a_second: float = math.inf) -> float:
    """Change a row of each room in turn, each once and in its own transaction; return when the last was committed."""
    begun, pause = time.monotonic(), 1 / a_second
    for number, item in enumerate(Item.objects.filter(room__gt=1).order_by("pk")[:changes]):
        time.sleep(max(0.0, begun + number * pause - time.monotonic()))
        item.text = stamped()
        item.save()
        announce(item.text, f"room-{item.room}")
    return time.time()


def fill_board(board: int, tasks: int, *, for_all: bool = False, assignees: int = 0) -> int:
    """Add tasks to a board, and return the key of one in the middle. `for_all` users have an interest in this one."""
    people = Person.objects.bulk_create([Person(name=f"person {number}") for number in range(assignees)])
    rows = [Task(board=board, place=place, text="task") for place in range(tasks)]
    for row in rows:
        row.assignee = people[row.place % assignees] if people else None
    middle = Task.objects.bulk_create(rows, batch_size=5000)[tasks // 2]
    if for_all:
        middle.members.set(User.objects.all())
    return middle.pk


def edit_task(pk: int, groups: Sequence[str] = ()) -> None:
    text = stamped()
    Task.objects.filter(pk=pk).update(text=text)
    announce(text, *groups)


def move_task(pk: int, place: int) -> None:
    Task.objects.filter(pk=pk).update(place=place, text=stamped())


def add_task(board: int, place: int) -> int:
    return Task.objects.create(board=board, place=place, text=stamped()).pk


def delete_task(pk: int) -> None:
    Task.objects.filter(pk=pk).delete()


def assign_tasks(boards: int, each: int) -> int:
    """Add tasks of one person to so many boards; return the person's key."""
    person = Person.objects.create(name="person")
    Task.objects.bulk_create(
        [Task(board=board, place=row, text="task", assignee=person) for row in range(each) for board in range(boards)],
        batch_size=5000,
    )
    return person.pk


def rename(person: int, boards: int, each: int) -> float:
    name = stamped()
    Person.objects.filter(pk=person).update(name=name)
    announce(name * each, *(f"board-{board}" for board in range(boards)))
    return time.time()


def import_items(room: int, number: int) -> None:
    with transaction.atomic():
        Item.objects.bulk_create([Item(room=room, text="imported") for _ in range(number)], batch_size=5000)
    announce("imported", f"room-{room}")


def stamped() -> str:
    """Return the text of a change, 200 bytes long, with the time in microseconds."""
    return f"@@{time.time_ns() // 1000:016}".ljust(200, "x")


def announce(text: str, *groups: str) -> None:
    """Send a change to groups, where this is done by hand."""
    if os.environ["BENCH_PEER"] == "byhand" and groups:
        async_to_sync(_announce)(text, groups)


async def _announce(text: str, groups: Sequence[str]) -> None:
    layer: Any = get_channel_layer()
    for group in groups:
        await layer.group_send(group, {"type": "item", "text": text})
