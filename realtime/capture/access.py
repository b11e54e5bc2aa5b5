"""Capture of what access stands on and no row of a model tells: sessions that end, and `revoke`."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete

from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.identity import session_digest
from realtime.models import Change
from realtime.streams.grounds import ACCESS_MODEL, access_database

_UID = "realtime.capture.access"


def revoke(user: Any) -> None:
    """Have the access of a user asked again, in every process, within a second.

    Django's own grounds (logout, password, groups, permissions, flags) and the models of `authorize_depends_on` are
    noticed without this; it is for what Django does not know. `user` is a user or a user's primary key.
    """
    _record(f"user:{getattr(user, 'pk', user)}")


def end_connection(id: str) -> None:
    """End one connection, in whichever process it is; its client comes back by itself."""
    _record(f"end:{id}")


def end_connections(user: Any) -> None:
    """End all connections of a user, or of a user's primary key; their pages ask for everything anew.

    They come back if they still may: to keep somebody out, deactivate them, which ends their subscriptions too.
    """
    _record(f"end:user:{getattr(user, 'pk', user)}")


def install() -> None:
    """Begin to notice sessions that end, by the row where they have one, else by the store's own methods."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    if hasattr(store, "get_model_class"):
        post_delete.connect(_session_deleted, sender=store.get_model_class(), dispatch_uid=_UID)
    elif not hasattr(store.delete, "__wrapped__"):
        _wrap(store)


def _session_deleted(instance: Any, **kwargs: Any) -> None:
    _record(f"session:{session_digest(instance.session_key)}")


def _wrap(store: Any) -> None:
    delete, adelete = store.delete, store.adelete

    @functools.wraps(delete)
    def recorded_delete(self: Any, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        delete(self, session_key)
        if key:
            _record(f"session:{session_digest(key)}")

    @functools.wraps(adelete)
    async def recorded_adelete(self: Any, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        await adelete(self, session_key)
        if key:
            await sync_to_async(_record)(f"session:{session_digest(key)}")

    store.delete, store.adelete = recorded_delete, recorded_adelete


def _record(key: str) -> None:
    alias = access_database()
    with transaction.atomic(using=alias, savepoint=False):
        get_changelog(alias).append([NewChange(ACCESS_MODEL, key, Change.Operation.ACCESS)])
