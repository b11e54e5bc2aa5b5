"""The showcase's stream: the built-in player, which every visitor may start and stop."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from demo_project.showcase import player
from demo_project.showcase.models import Player
from realtime import ModelStream, action, register

User = AbstractBaseUser | AnonymousUser


@register("player")
class PlayerStream(ModelStream):
    """The player of a board. It needs no login."""

    model = Player
    fields = ["playing"]
    template_name = "showcase/_player.html"
    partition_by = ["project"]
    allow_anonymous = True

    def authorize(self, user: User, project: int) -> bool:
        return Player.objects.filter(project=project).exists()

    def get_queryset(self, project: int) -> QuerySet[Player]:
        return Player.objects.filter(project=project).order_by("pk")

    @action
    def play(self, user: User) -> None:
        player.play(self.player().project)

    @action
    def pause(self, user: User) -> None:
        player.pause(self.player().project)

    def player(self) -> Player:
        return Player.objects.select_related("project").get(project=self.params["project"])
