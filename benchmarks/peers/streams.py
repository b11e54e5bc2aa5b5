"""The stream of `realtime`: one live query for each room."""

from typing import Any

from django.db.models import QuerySet

from benchmarks.peers.models import Item
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
