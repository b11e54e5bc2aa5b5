"""The initial data of the chat."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from demo_project.chat.models import Membership, Message, Room
from realtime import mark_read

# Room: members and messages.
ROOMS = {
    "General": (
        ["ada", "ben", "cleo"],
        [
            ("ada", "Good morning! The staging server is up again."),
            ("ben", "Thanks. The new navigation is on it, please try it on your phones."),
            ("cleo", "On mine the menu closes when I scroll. Otherwise lovely."),
            ("ben", "I see it too. Fixing."),
            ("ada", "Legal has agreed to the cookie banner, by the way."),
            ("cleo", "Finally! I move the card."),
        ],
    ),
    "Website relaunch": (
        ["ada", "ben", "cleo"],
        [
            ("cleo", "Hero images are at 118 kB now, all of them."),
            ("ada", "Then the front page loads in under a second."),
            ("ben", "Measured it: 0.8 s on a slow phone."),
        ],
    ),
    "Lunch": (
        ["ben", "cleo"],
        [
            ("cleo", "Noodles at half past twelve?"),
            ("ben", "Always."),
        ],
    ),
}


@transaction.atomic
def seed() -> None:
    """Fill a chat that has no rooms. The users are those of the board."""
    if Room.objects.exists():
        return
    users = {user.get_username(): user for user in get_user_model().objects.all()}
    now = timezone.now()
    for name, (members, messages) in ROOMS.items():
        room = Room.objects.create(name=name)
        for number, (author, text) in enumerate(messages):
            message = Message.objects.create(room=room, author=users[author], text=text)
            at = now - timedelta(minutes=7 * (len(messages) - number))
            Message.objects.filter(pk=message.pk).update(at=at)
        Membership.objects.bulk_create(Membership(room=room, user=users[member]) for member in members)
        for member in members:
            mark_read(users[member], "messages", {"room": room.pk})
