"""PresenceStream: the present users of a stream with parameters, as live rows."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import router

from realtime.streams.decorators import live_value
from realtime.streams.stream import ModelStream

if TYPE_CHECKING:
    from django.db.models import QuerySet

SUFFIX = ":presence"
EVERYONE = ":presence:all"


class Place(NamedTuple):
    """A stream with parameters at which users are present; `key` is a digest of both."""

    key: str
    stream: str
    params: Mapping[str, Any]


class PresenceStream(ModelStream):
    """The present users of a stream. `presence = True` registers one as "NAME:presence".

    It has the first fifty users; its live value `count` is the number of all. "NAME:presence:all" has all users, so
    every one of them receives a row for every other one.

    Users who may see the stream may see who is present. Subclass it to show other fields, and set the stream's
    `presence` to the subclass:

        class People(PresenceStream):
            fields = ["user", "name", "data", "user.email"]
            template_name = "board/_person.html"

        @register("tasks")
        class TaskStream(ModelStream):
            presence = People
    """

    of: ClassVar[type[ModelStream]]
    """The stream at which these users are present."""

    shown: ClassVar[int | None] = 50
    """The maximum number of rows, longest present first; None: no maximum."""

    fields = ("user", "name", "data", "since")
    template_name = "realtime/present_user.html"
    partition_by = ("place",)
    depends_on = ("user",)

    def authorize(self, user: Any, **params: Any) -> bool:
        return self.of(params).authorize(user, **params)

    def get_queryset(self, **params: Any) -> QuerySet[Any]:
        return self._people().select_related("user").order_by("since", "pk")[: self.shown]

    @live_value
    def count(self) -> int:
        """Return the number of present users."""
        return self._people().count()

    def _people(self) -> QuerySet[Any]:
        return self.model._default_manager.using(self.database()).filter(place=self.place().key)

    def place(self) -> Place:
        """Return the place of these users."""
        name = f"{self.of.name}\0".encode() + self.params_key()
        return Place(hashlib.sha256(name).hexdigest()[:40], self.of.name, self.wire_params())

    @classmethod
    def database(cls) -> str:
        from realtime.models import HAS_USERS, Presence  # streams can be imported before models are ready

        return router.db_for_write(get_user_model() if HAS_USERS else Presence)

    @classmethod
    def parameters(cls) -> Mapping[str, inspect.Parameter]:
        return cls.of.parameters()

    @classmethod
    def clean_params(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return cls.of.clean_params(given)

    @classmethod
    def clean_param(cls, name: str, value: Any) -> Any:
        return cls.of.clean_param(name, value)

    @classmethod
    def takes_several(cls, name: str) -> bool:
        return cls.of.takes_several(name)

    @classmethod
    def partition_values(cls, params: Mapping[str, Any]) -> dict[str, str | None]:
        return {"place": cls(params).place().key}

    @classmethod
    def derive(cls, stream: type[ModelStream], **options: Any) -> type[PresenceStream]:
        """Return the presence stream of `stream`."""
        attributes = {
            "of": stream,
            "model": apps.get_model("realtime.Presence"),
            "authorize_depends_on": stream.authorize_depends_on,
            "allow_anonymous": stream.allow_anonymous,
            "__module__": stream.__module__,
            "__qualname__": f"{stream.__qualname__}.presence",
            **options,
        }
        return type(f"{stream.__name__}Presence", (cls,), attributes)


def presence_of(stream: type[ModelStream]) -> type[PresenceStream] | None:
    """Return the stream's presence class, or None."""
    if stream.presence is True:
        return PresenceStream
    wanted = stream.presence
    return wanted if inspect.isclass(wanted) and issubclass(wanted, PresenceStream) else None
