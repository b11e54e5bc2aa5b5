"""The chat in Django's admin."""

from django.contrib import admin

from demo_project.chat.models import Membership, Message, Room


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    inlines = [MembershipInline]


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ["text", "room", "author", "at"]
    list_filter = ["room", "author"]
    list_select_related = ["room", "author"]
