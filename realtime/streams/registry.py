"""Registry: every stream by its name, found in the apps' `streams.py` as admin classes are found in `admin.py`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.utils.module_loading import autodiscover_modules

from realtime.exceptions import DefinitionError, StreamDefinitionError, UnknownStream
from realtime.streams.presence import SUFFIX, presence_of
from realtime.streams.stream import ModelStream

Stream = TypeVar("Stream", bound=type[ModelStream])

MODULE = "streams"


class Registry:
    """Streams by name. What could not be registered is kept in `problems`, for the system check."""

    def __init__(self) -> None:
        self._streams: dict[str, type[ModelStream]] = {}
        self.problems: list[DefinitionError] = []

    def add(self, name: str, stream: Any) -> None:
        """Register a stream. A second one of the same name is left out and becomes a problem."""
        if not (inspect.isclass(stream) and issubclass(stream, ModelStream)):
            raise StreamDefinitionError(f"{stream!r} is not a stream.", hint="Derive it from realtime.ModelStream.")
        if not name or len(name) > 200:
            raise StreamDefinitionError(
                f"{name!r} is no name for the stream {place(stream)}.", hint="Give it one of 1 to 200 characters."
            )
        if stream.name != name and self._streams.get(stream.name) is stream:
            raise StreamDefinitionError(
                f"The stream {place(stream)} is registered already, as {stream.name!r}.",
                hint="Derive a class from it for another name.",
            )
        other = self._streams.get(name)
        if other is not None and place(other) != place(stream):
            self.problems.append(
                StreamDefinitionError(
                    f"The stream {name!r} is registered twice: {place(other)} and {place(stream)}.",
                    hint="Give one of them another name; until then the first one is used.",
                )
            )
            return
        stream.name = name
        self._streams[name] = stream
        self._streams.pop(name + SUFFIX, None)
        if people := presence_of(stream):
            derived = people.derive(stream)
            derived.name = name + SUFFIX
            self._streams[derived.name] = derived

    def remove(self, name: str) -> None:
        """Undo `add`, for tests."""
        del self._streams[name]
        self._streams.pop(name + SUFFIX, None)

    def get(self, name: str) -> type[ModelStream]:
        """The stream of this name. Raise `UnknownStream`."""
        try:
            return self._streams[name]
        except KeyError:
            raise UnknownStream(f"There is no stream {name!r}.") from None

    def names(self) -> list[str]:
        return sorted(self._streams)

    def __contains__(self, name: object) -> bool:
        return name in self._streams

    def __iter__(self) -> Iterator[type[ModelStream]]:
        return iter(list(self._streams.values()))

    def autodiscover(self) -> None:
        """Import the module `streams` of every installed app."""
        autodiscover_modules(MODULE)


def place(stream: type) -> str:
    return f"{stream.__module__}.{stream.__qualname__}"


registry = Registry()


def register(name: str) -> Callable[[Stream], Stream]:
    """Make a stream known by a name: the one that templates, browsers and tests use.

    Raise `StreamDefinitionError` for what is no stream, or no name. Two streams of the same name are an error of
    the system check `realtime.E002`, which names both places.

        @register("tasks")
        class TaskStream(ModelStream):
            model = Task
    """

    def decorate(stream: Stream) -> Stream:
        registry.add(name, stream)
        return stream

    return decorate
