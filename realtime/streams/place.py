"""PlaceStream: the base of streams whose rows belong to another stream and its parameters, not to its rows."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

from django.contrib.auth import get_user_model
from django.db import router

from realtime.streams.stream import ModelStream


class Place(NamedTuple):
    """A stream with parameters, to which rows of realtime belong; `key` is a digest of both."""

    key: str
    stream: str
    params: Mapping[str, Any]


class PlaceStream(ModelStream):
    """Rows with a field `place`. Users who may see the stream `of` may see them, with its parameters."""

    of: ClassVar[type[ModelStream]]
    """The stream that these rows belong to."""

    partition_by = ("place",)

    def authorize(self, user: Any, **params: Any) -> bool:
        return self.of(params).authorize(user, **params)

    def place(self) -> Place:
        """Return the place of these rows."""
        name = f"{self.of.name}\0".encode() + self.params_key()
        return Place(hashlib.sha256(name).hexdigest()[:40], self.of.name, self.wire_params())

    def _rows_of_place(self) -> Any:
        return self.model._default_manager.using(self.database()).filter(place=self.place().key)

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
    def derived(cls, stream: type[ModelStream], kind: str, **options: Any) -> type[Self]:
        """Return a subclass for the rows that belong to `stream`."""
        attributes = {
            "of": stream,
            "authorize_depends_on": stream.authorize_depends_on,
            "allow_anonymous": stream.allow_anonymous,
            "__module__": stream.__module__,
            "__qualname__": f"{stream.__qualname__}.{kind}",
            **options,
        }
        return type(f"{stream.__name__}{kind.capitalize()}", (cls,), attributes)
