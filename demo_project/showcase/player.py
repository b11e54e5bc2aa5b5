"""The built-in player: a thread of the server process that moves cards while somebody looks at the board."""

from __future__ import annotations

import threading
from datetime import timedelta

from django.conf import settings
from django.db import connections
from django.utils import timezone

from demo_project.board.models import Column, Project, Task
from demo_project.showcase.models import Player
from realtime.models import Presence

PLAY_SECONDS = 180  # until the player stops by itself
STEP_SECONDS = 2.5
ALONE_SECONDS = 15  # without anybody present, after which the player stops

MOST_TASKS = 24  # visitors add tasks, and the player removes the oldest beyond these
TITLES = ["Borrow tables", "Hang the lights", "Bake a cake", "Make a playlist", "Invite the street", "Find a grill"]

_threads: set[int] = set()  # the projects that a thread of this process plays on
_lock = threading.Lock()


def play(project: Project) -> None:
    """Let the player move cards for three minutes, unless the settings switch players off."""
    if not settings.SHOWCASE_PLAYER:
        return
    until = timezone.now() + timedelta(seconds=PLAY_SECONDS)
    Player.objects.update_or_create(project=project, defaults={"playing": True, "until": until})
    with _lock:
        if project.pk in _threads:
            return
        _threads.add(project.pk)
    threading.Thread(target=_run, args=(project,), name="player", daemon=True).start()


def pause(project: Project) -> None:
    Player.objects.filter(project=project).update(playing=False)


def _run(project: Project) -> None:
    try:
        _play(project, threading.Event())
    finally:
        with _lock:
            _threads.discard(project.pk)
        Player.objects.filter(project=project).update(playing=False)
        connections.close_all()  # of this thread


def _play(project: Project, never: threading.Event) -> None:
    alone = 0.0
    while alone < ALONE_SECONDS and not never.wait(STEP_SECONDS):
        if not Player.objects.filter(project=project, playing=True, until__gt=timezone.now()).exists():
            return
        if watched(project):
            alone = 0.0
            step(project)
        else:
            alone += STEP_SECONDS


def watched(project: Project) -> bool:
    """Return whether anybody has the board open, as presence knows it."""
    return Presence.objects.filter(stream="tasks", params__project=project.pk).exists()


def step(project: Project) -> None:
    """Move the first card of the fullest column to the next one; from the last column it starts over.

    If the board is almost empty, add a card instead.
    """
    tasks = list(project.tasks.all())
    surplus = sorted(tasks, key=lambda task: task.pk)[: max(0, len(tasks) - MOST_TASKS)]
    project.tasks.filter(pk__in=[task.pk for task in surplus]).delete()
    if len(tasks) < len(TITLES):
        missing = next(title for title in TITLES if title not in {task.title for task in tasks})
        Task.objects.create(project=project, title=missing)
        return
    cards = {column: [task for task in tasks if task.column == column and task not in surplus] for column in Column}
    fullest = max(Column, key=lambda column: len(cards[column]))
    order = list(Column)
    column = order[(order.index(fullest) + 1) % len(order)]
    task = cards[fullest][0]
    task.done = column == Column.DONE
    task.move(column)
