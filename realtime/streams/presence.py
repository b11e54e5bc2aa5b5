"""PresenceStream: the people who are at a place, which is a stream with parameters, as rows like any other."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import router

from realtime.streams.stream import ModelStream

if TYPE_CHECKING:
    from django.db.models import QuerySet

SUFFIX = ":presence"


class Place(NamedTuple):
    """Where somebody is: a stream with parameters; `key` is a digest of both."""

    key: str
    stream: str
    params: Mapping[str, Any]


class PresenceStream(ModelStream):
    """Who is here. A stream that says `presence = True` gets one, by the name "NAME:presence".

    Whoever may see the stream may see who is there. Derive from it to show people in another way, and name the class
    in the stream:

        class People(PresenceStream):
            fields = ["user", "name", "data", "user.email"]
            template_name = "board/_person.html"

        @register("tasks")
        class TaskStream(ModelStream):
            presence = People
    """

    of: ClassVar[type[ModelStream]]
    """The stream whose visitors these are."""

    fields = ("user", "name", "data", "since")
    template_name = "realtime/person.html"
    partition_by = ("place",)
    depends_on = ("user",)

    def authorize(self, user: Any, **params: Any) -> bool:
        return self.of(params).authorize(user, **params)

    def get_queryset(self, **params: Any) -> QuerySet[Any]:
        people = self.model._default_manager.using(self.database()).filter(place=self.place().key)
        return people.select_related("user").order_by("since", "pk")

    def place(self) -> Place:
        """The place whose people these are."""
        name = f"{self.of.name}\0".encode() + self.params_key()
        return Place(hashlib.sha256(name).hexdigest()[:40], self.of.name, self.wire_params())

    @classmethod
    def database(cls) -> str:
        return router.db_for_write(get_user_model())  # people are users

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
    def partition_values(cls, params: Mapping[str, Any]) -> dict[str, str | None]:
        return {"place": cls(params).place().key}

    @classmethod
    def derive(cls, stream: type[ModelStream]) -> type[PresenceStream]:
        """The stream of the people who are at `stream`."""
        attributes = {
            "of": stream,
            "model": apps.get_model("realtime.Presence"),
            "authorize_depends_on": stream.authorize_depends_on,
            "allow_anonymous": stream.allow_anonymous,
            "__module__": stream.__module__,
            "__qualname__": f"{stream.__qualname__}.presence",
        }
        return type(f"{stream.__name__}Presence", (cls,), attributes)


def presence_of(stream: type[ModelStream]) -> type[PresenceStream] | None:
    """The class by which a stream wants its people shown, if it does."""
    if stream.presence is True:
        return PresenceStream
    wanted = stream.presence
    return wanted if inspect.isclass(wanted) and issubclass(wanted, PresenceStream) else None
