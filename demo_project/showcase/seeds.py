"""The initial data of the showcase: its guests, their board, and the player."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction

from demo_project.board.models import Column, Project, Task
from demo_project.showcase.guests import GUESTS, PLAYER, make_guest
from demo_project.showcase.models import Player
from demo_project.showcase.player import TITLES

# The tasks of each column, with title and assignee.
TASKS = {
    Column.TODO: [(TITLES[0], "noah"), (TITLES[1], "mia"), (TITLES[2], "robin"), ("Print posters", "mia")],
    Column.DOING: [(TITLES[3], "mia"), (TITLES[4], "noah")],
    Column.DONE: [("Pick a date", "noah"), (TITLES[5], "robin")],
}


@transaction.atomic
def seed() -> None:
    """Make the guests' board where there are no guests. No player plays yet, whatever a killed server has left."""
    Player.objects.filter(playing=True).update(playing=False)
    if get_user_model().objects.filter(username__in=[*GUESTS, PLAYER[0]]).exists():
        return
    users = {username: make_guest(username, name) for username, name in [*GUESTS.items(), PLAYER]}
    project = Project.objects.create(name="Street party", description="The board of the guests")
    project.members.set(users.values())
    Player.objects.create(project=project)
    for column, tasks in TASKS.items():
        for title, assignee in tasks:
            done = column == Column.DONE
            Task.objects.create(project=project, title=title, column=column, done=done, assignee=users[assignee])
