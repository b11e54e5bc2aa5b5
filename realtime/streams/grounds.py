"""Grounds: what access stands on. A change of it has access asked again, on the same path as any other change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import router

from realtime.streams.registry import registry
from realtime.streams.validation import problems

if TYPE_CHECKING:
    from django.db.models import Model

# stands in the log where no model's row tells it: "user:5", "session:<digest>", "end:<connection>"
ACCESS_MODEL = "realtime.access"
GROUP = "auth.group"
PERMISSION = "auth.permission"
REREAD = "r"
UPDATE = "u"
LINK = "l"


class Access(NamedTuple):
    """Whose access is to be asked again: of these users, of these sessions, to these streams, or everyone's."""

    users: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    everyone: bool = False
    ended: frozenset[str] = frozenset()  # connections that are to end whatever the answer, by id or by "user:" and key

    def __bool__(self) -> bool:
        return self.everyone or bool(self.users or self.sessions or self.streams or self.ended)


EVERYONE = Access(everyone=True)


class Grounds:
    """The models that access stands on, as they are now."""

    def __init__(self) -> None:
        self.user_labels = {model._meta.label_lower for model in _family(get_user_model())}
        self.stream_labels: defaultdict[str, set[str]] = defaultdict(set)
        for stream in registry:
            if any(problems(stream)):
                continue
            for model in stream.authorize_models():
                self.stream_labels[model._meta.label_lower].add(stream.name)

    def access(self, changes: Iterable[tuple[str, str, str]]) -> Access:
        """What these changes (model, key, operation) do to access."""
        users: set[str] = set()
        sessions: set[str] = set()
        streams: set[str] = set()
        ended: set[str] = set()
        for model, key, operation in changes:
            # a permission that is given to someone is linked, and so are they
            lost = model == PERMISSION and operation not in (UPDATE, LINK)
            untold = operation == REREAD and (model in self.user_labels or model == ACCESS_MODEL)
            if model == GROUP or lost or untold:
                return EVERYONE
            if model in self.user_labels:
                users.add(key)
            streams |= self.stream_labels.get(model, set())
            if model == ACCESS_MODEL:
                kind, _, name = key.partition(":")
                {"user": users, "end": ended}.get(kind, sessions).add(name)
        return Access(frozenset(users), frozenset(sessions), frozenset(streams), ended=frozenset(ended))


def ground_models() -> list[type[Model]]:
    """Every model that is to be captured for the sake of access."""
    models = [*_family(get_user_model()), *_permission_models()]
    for stream in registry:
        if not any(problems(stream)):
            models += stream.authorize_models()
    return models


def access_database() -> str:
    """The database whose log tells of access: the one that holds the users."""
    return router.db_for_write(get_user_model())


def _permission_models() -> list[type[Model]]:
    if not apps.is_installed("django.contrib.auth"):
        return []
    # memberships are many-to-many, whose both sides are recorded: a group's permissions are a change of the group
    return [apps.get_model(GROUP), apps.get_model(PERMISSION)]


def _family(model: type[Model]) -> list[type[Model]]:
    return [model._meta.concrete_model or model, *model._meta.get_parent_list()]
