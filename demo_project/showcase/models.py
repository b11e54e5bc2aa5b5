"""The showcase's table: whether the built-in player moves cards on a board."""

from __future__ import annotations

from django.db import models

from demo_project.board.models import Project


class Player(models.Model):
    """The built-in player of a board. `until` is when it stops by itself."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="player")
    playing = models.BooleanField(default=False)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Player of {self.project}"
