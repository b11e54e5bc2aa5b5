"""Admin: the base of live admins, and who is present, to be looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from realtime.liveadmin import LiveModelAdmin
from realtime.models import Presence

__all__ = ["LiveModelAdmin", "PresenceAdmin"]


@admin.register(Presence)
class PresenceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers only
    """Rows that server processes write: nothing is to be changed by hand."""

    list_display = ["user", "stream", "params", "data", "since"]
    list_filter = ["stream"]
    list_select_related = ["user"]
    ordering = ["stream", "since"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
