"""The chat's streams: the newest messages of a room, and each user's list of rooms."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, F, Q, QuerySet

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
    presence = People

    def authorize(self, user: User, room: int) -> bool:
        return Membership.objects.filter(room=room, user=user.pk).exists()

    def get_queryset(self, room: int) -> QuerySet[Message]:
        return Message.objects.filter(room=room).select_related("author").order_by("-pk")[:NEWEST]

    @action
    def post(self, user: User, text: str) -> None:
        message = Message(room_id=self.params["room"], author=user, text=text.strip())
        message.full_clean()
        message.save()

    @action
    def read(self, user: User, upto: int) -> None:
        """Note that the user has read the messages up to this one."""
        mine = Membership.objects.filter(room=self.params["room"], user=user.pk)
        mine.filter(last_read__lt=upto).update(last_read=upto)

    @event
    def typing(self, user: User) -> dict[str, str]:
        return {"name": user.get_short_name() or user.get_username()}


@register("rooms")
class RoomStream(ModelStream):
    """The user's rooms, with the number of unread messages."""

    model = Membership
    fields = ["room", "unread"]
    template_name = "chat/_room.html"
    depends_on = ["room__messages"]

    def authorize(self, user: User) -> bool:
        return True

    def audience(self, user: User) -> int:
        return user.pk

    def get_queryset(self) -> QuerySet[Membership]:
        others = Q(room__messages__pk__gt=F("last_read")) & ~Q(room__messages__author=F("user"))
        mine = Membership.objects.filter(user=self.audience).select_related("room")
        return mine.annotate(unread=Count("room__messages", filter=others)).order_by("room", "pk")
