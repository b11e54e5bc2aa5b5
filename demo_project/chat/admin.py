"""The chat in Django's admin."""

from django.contrib import admin

from demo_project.chat.models import Membership, Message, Room
from realtime.admin import LiveModelAdmin


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(Room)
class RoomAdmin(LiveModelAdmin):
    inlines = [MembershipInline]


@admin.register(Message)
class MessageAdmin(LiveModelAdmin):
    list_display = ["text", "room", "author", "at"]
    list_filter = ["room", "author"]
    list_select_related = ["room", "author"]
