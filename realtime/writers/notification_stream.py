"""NotificationStream: the notifications of the user, registered by realtime itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from realtime.models import HAS_USERS, NOTIFICATION_STREAM, Notification
from realtime.streams.decorators import action, live_value
from realtime.streams.registry import registry
from realtime.writers.user_stream import UserStream

SHOWN = 20


class NotificationStream(UserStream):
    """The newest notifications of the user. Nobody sees those of others."""

    model = Notification
    fields = ("id", "text", "level", "url", "is_kept", "created_at")
    template_name = "realtime/notification.html"

    def get_queryset(self) -> QuerySet[Notification]:
        shown = Notification.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        return shown.order_by("-created_at", "pk")[:SHOWN]

    def _own(self) -> QuerySet[Notification]:
        return Notification.objects.filter(user=self.audience_key)

    def changes_at(self) -> datetime | None:
        toasts = self._own().filter(expires_at__gt=timezone.now())
        return toasts.order_by("expires_at").values_list("expires_at", flat=True).first()

    @live_value
    def count(self) -> int | None:
        """Return the number of notifications that are kept until the user dismisses them; None, shown as "", for 0."""
        return self._own().filter(expires_at=None).count() or None

    @action
    def dismiss(self, user: Any, pk: UUID) -> None:
        """Delete a notification of the user."""
        Notification.objects.filter(pk=pk, user=user.pk).delete()

    @action
    def dismiss_all(self, user: Any) -> None:
        """Delete all notifications of the user."""
        Notification.objects.filter(user=user.pk).delete()


if HAS_USERS:
    registry.add(NOTIFICATION_STREAM, NotificationStream)
