"""Capture of access changes that no model shows: ended sessions, `revoke`, and connections to end."""

from __future__ import annotations

import functools
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from realtime.auth.identity import session_digest
from realtime.auth.revocation import ACCESS_MODEL, SESSIONS
from realtime.auth.sessions import session_store
from realtime.auth.users import user_database
from realtime.capture.transactions import ensure_transaction
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.models import Change


def revoke(user: Any) -> None:
    """Authorize a user's subscriptions again, in every process, within a second.

    Logout, password, groups, permissions, flags and the models in `authorize_depends_on` are noticed without it.
    `user` is a user or a primary key.
    """
    _record(f"user:{getattr(user, 'pk', user)}")


def end_connection(id: str) -> None:
    """End one connection, in any process. Its client reconnects by itself."""
    _record(f"end:{id}")


def end_connections(user: Any) -> None:
    """End all connections of a user (or of a primary key); their pages reconnect and reload everything.

    Allowed users can reconnect. To keep a user out, deactivate the user, which also ends the subscriptions.
    """
    _record(f"end:user:{getattr(user, 'pk', user)}")


def install() -> None:
    """Start to record ended sessions: through the session model if the store has one, else the store's methods."""
    store = session_store()
    if store is None:
        return
    if hasattr(store, "get_model_class"):
        _wrap_model(store.get_model_class())
    elif not hasattr(store.delete, "__wrapped__"):
        _wrap_store(store)


class _RecordingQuerySet:
    """A QuerySet of sessions that records one access change per deletion, which may be of thousands of rows."""

    def delete(self) -> Any:
        deleted = super().delete()  # type: ignore[misc]
        if deleted[0]:
            _record(f"{SESSIONS}:")
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


def _wrap_model(model: Any) -> None:
    # not a signal: with a receiver, Django reads all rows before it deletes them
    bases = [base for base in model.mro() if hasattr(base, "_meta")]
    declared = [manager for base in bases for manager in base._meta.local_managers]
    # declared managers too: Django copies `_meta.managers` from them whenever a model is added
    for manager in [*declared, *model._meta.managers]:
        kind = manager._queryset_class
        if not issubclass(kind, _RecordingQuerySet):
            manager._queryset_class = type(kind.__name__, (_RecordingQuerySet, kind), {})
    if hasattr(model.delete, "__wrapped__"):
        return
    delete = model.delete

    @functools.wraps(delete)
    def recorded_delete(self: Any, *args: Any, **kwargs: Any) -> Any:
        key = self.session_key
        deleted = delete(self, *args, **kwargs)
        if key:
            _record(f"session:{session_digest(key)}")
        return deleted

    model.delete = recorded_delete


def _wrap_store(store: Any) -> None:
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
    alias = user_database()
    with ensure_transaction(connections[alias]):
        get_changelog(alias).append([NewChange(ACCESS_MODEL, key, Change.Kind.ACCESS)])
