"""Notification rows: sentences for one user, which expire or are kept until the user dismisses them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import router
from django.utils import timezone

from realtime.actions.links import link_problem
from realtime.actions.storable import storable_text
from realtime.models import HAS_USERS, Notification, NotificationLevel

SHOWN_FOR = timedelta(seconds=10)
KEPT_FOR = timedelta(days=30)  # even if the user has never seen it


def notification_database() -> str:
    """Return the alias of the database of the notifications."""
    return router.db_for_write(Notification)


def insert(user: object, text: object, *, level: str, url: str, keep: bool) -> Notification:
    """Insert a notification, in the caller's transaction. Raise `ValueError`."""
    if not HAS_USERS:
        raise ValueError("A notification is for a user, and this project has no user model.")
    key: Any = getattr(user, "pk", user)
    if key is None:
        raise ValueError("A notification is for a user who is saved and not anonymous.")
    if level not in NotificationLevel.values:
        raise ValueError(
            f"The level of a notification is one of {', '.join(NotificationLevel.values)}; not {level!r}."
        )
    if problem := link_problem(url):
        raise ValueError(problem)
    expires_at = None if keep else timezone.now() + SHOWN_FOR
    row = Notification(user_id=key, text=storable_text(text), level=level, url=str(url), expires_at=expires_at)
    row.save(using=notification_database(), force_insert=True)
    return row


def prune(alias: str) -> int:
    """Delete the notifications that are no longer shown; return their number."""
    if alias != notification_database():
        return 0
    now, rows = timezone.now(), Notification.objects.using(alias)
    gone = rows.filter(expires_at__lt=now).delete()[0]
    return gone + rows.filter(expires_at=None, created_at__lt=now - KEPT_FOR).delete()[0]
