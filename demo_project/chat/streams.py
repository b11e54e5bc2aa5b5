"""The chat's streams: the newest messages of a room, and each user's list of rooms."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from demo_project.board.streams import People
from demo_project.chat.models import Membership, Message
from realtime import ModelStream, action, event, register

User = AbstractBaseUser | AnonymousUser

NEWEST = 100


@register("messages")
class MessageStream(ModelStream):
    """The newest messages of a room, the newest first. The page shows them in reverse."""

    model = Message
    fields = ["id", "author"]
    template_name = "chat/_message.html"
    partition_by = ["room"]
    depends_on = ["author"]
    authorize_depends_on = ["chat.Membership"]
    presence = People
    unread_by = "pk"
    unread_except = "author"

    def authorize(self, user: User, room: int) -> bool:
        return Membership.objects.filter(room=room, user=user.pk).exists()

    def get_queryset(self, room: int) -> QuerySet[Message]:
        return Message.objects.filter(room=room).select_related("author").order_by("-pk")[:NEWEST]

    @action
    def post(self, user: User, text: str) -> None:
        message = Message(room_id=self.params["room"], author=user, text=text.strip())
        message.full_clean()
        message.save()

    @event
    def typing(self, user: User) -> dict[str, str]:
        return {"name": user.get_short_name() or user.get_username()}


@register("rooms")
class RoomStream(ModelStream):
    """The user's rooms."""

    model = Membership
    fields = ["room"]
    template_name = "chat/_room.html"
    depends_on = ["room"]

    def authorize(self, user: User) -> bool:
        return True

    def audience(self, user: User) -> int:
        return user.pk

    def get_queryset(self) -> QuerySet[Membership]:
        return Membership.objects.filter(user=self.audience).select_related("room").order_by("room", "pk")
