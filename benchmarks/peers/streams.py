"""The streams of `realtime`: one live query for each room, board or user."""

from typing import Any

from django.db.models import QuerySet

from benchmarks.peers.models import Item, Task
from realtime import ModelStream, register


@register("items")
class ItemStream(ModelStream):
    model = Item
    fields = ["text"]
    partition_by = ["room"]

    def authorize(self, user: Any, room: int) -> bool:
        return bool(user.is_authenticated)

    def get_queryset(self, room: int) -> QuerySet[Item]:
        return Item.objects.filter(room=room).order_by("pk")


@register("board")
class BoardStream(ModelStream):
    """The tasks of a board, in order, alike for all users."""

    model = Task
    fields = ["text", "place"]
    partition_by = ["board"]

    def authorize(self, user: Any, board: int) -> bool:
        return bool(user.is_authenticated)

    def get_queryset(self, board: int) -> QuerySet[Task]:
        return Task.objects.filter(board=board).order_by("place")


@register("assigned")
class AssignedStream(BoardStream):
    """The same with the names of other rows."""

    fields = ["text", "assignee.name"]
    depends_on = ["assignee"]

    def get_queryset(self, board: int) -> QuerySet[Task]:
        return super().get_queryset(board).select_related("assignee")


@register("own")
class OwnStream(BoardStream):
    """The same as the board, for each user separately."""

    def audience(self, user: Any, board: int) -> Any:
        return user.pk


@register("members")
class MembersStream(OwnStream):
    """The tasks of interest to a user."""

    audience_by = "members"
