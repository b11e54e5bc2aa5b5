"""djangochannelsrestframework: the model observer from its documentation."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from djangochannelsrestframework.generics import GenericAsyncAPIConsumer
from djangochannelsrestframework.observer import model_observer
from rest_framework.serializers import ModelSerializer

from benchmarks.peers.control import controlled
from benchmarks.peers.models import Item
from benchmarks.peers.rows import publish


class ItemSerializer(ModelSerializer):
    class Meta:
        model = Item
        fields = ["id", "text"]


class ItemConsumer(GenericAsyncAPIConsumer):
    queryset = Item.objects.all()
    serializer_class = ItemSerializer
    permission_classes = ()

    async def connect(self, **kwargs: Any) -> None:
        await super().connect(**kwargs)
        await self.items.subscribe(room=int(self.scope["query_string"].decode().removeprefix("room-") or 1))

    @model_observer(Item)
    async def items(self, message: Any, observer: Any = None, **kwargs: Any) -> None:
        await self.send_json(message)

    @items.groups_for_signal
    def items(self, instance: Item, **kwargs: Any) -> Any:
        yield f"room-{instance.room}"

    @items.groups_for_consumer
    def items(self, room: int, **kwargs: Any) -> Any:
        yield f"room-{room}"

    @items.serializer
    def items(self, instance: Item, action: Any, **kwargs: Any) -> Any:
        return ItemSerializer(instance).data


application = controlled(AuthMiddlewareStack(ItemConsumer.as_asgi()), publish)
