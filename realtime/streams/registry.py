"""Registry: all streams by name, autodiscovered in the apps' `streams.py` like `admin.py`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar, overload

from django.db.models import Model
from django.utils.module_loading import autodiscover_modules

from realtime.exceptions import DefinitionError, StreamDefinitionError, UnknownStream
from realtime.streams.hints import with_hint
from realtime.streams.presence import EVERYONE, SUFFIX, presence_of
from realtime.streams.stream import ModelStream
from realtime.streams.unread_rows import MARKER, UNREAD, MarkerStream, derive_unread

Stream = TypeVar("Stream", bound=type[ModelStream])

MODULE = "streams"


class Registry:
    """Streams by name. `problems` has an error for each stream that could not be registered."""

    def __init__(self) -> None:
        self._streams: dict[str, type[ModelStream]] = {}
        self.problems: list[DefinitionError] = []

    def add(self, name: str, stream: Any) -> None:
        """Register a stream. A second one with the same name is added to `problems` instead."""
        if not (inspect.isclass(stream) and issubclass(stream, ModelStream)):
            raise StreamDefinitionError(f"{stream!r} is not a stream.", hint="Subclass realtime.ModelStream.")
        if not name or len(name) > 200:
            raise StreamDefinitionError(
                f"{name!r} is not a valid name for {place(stream)}.", hint="Use 1 to 200 characters."
            )
        if stream.name != name and self._streams.get(stream.name) is stream:
            raise StreamDefinitionError(
                f"The stream {place(stream)} is already registered as {stream.name!r}.",
                hint="To register it under another name, derive a class from it.",
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
        self._forget_derived(name)
        if people := presence_of(stream):
            self._streams[name + SUFFIX] = people.derive(stream, name=name + SUFFIX)
            self._streams[name + EVERYONE] = people.derive(stream, name=name + EVERYONE, shown=None)
        if stream.unread_by and has_users():
            unread = self._streams[name + UNREAD] = derive_unread(stream)
            marker = self._streams[name + MARKER] = MarkerStream.derive(stream, unread)
            unread.name, marker.name = name + UNREAD, name + MARKER

    def remove(self, name: str) -> None:
        """Unregister a stream, for tests."""
        del self._streams[name]
        self._forget_derived(name)

    def _forget_derived(self, name: str) -> None:
        for suffix in (SUFFIX, EVERYONE, UNREAD, MARKER):
            self._streams.pop(name + suffix, None)

    def get(self, name: str) -> type[ModelStream]:
        """Return the stream with this name. Raise `UnknownStream`."""
        try:
            return self._streams[name]
        except KeyError:
            raise with_hint(UnknownStream(f"There is no stream {name!r}."), self._hint(name)) from None

    def get_with_unread(self, name: str) -> type[ModelStream]:
        """Return the stream with this name. Raise `StreamDefinitionError` if it has no `unread_by`."""
        stream = self.get(name)
        if not stream.unread_by:
            raise StreamDefinitionError(
                f"The stream {name!r} has no unread rows.", hint="Set `unread_by` in its class."
            )
        return stream

    def _hint(self, name: str) -> str:
        known = [each for each in self.names() if ":" not in each and "." not in each]
        if (forgotten := _unregistered(name)) is not None:
            return f'{place(forgotten)} has this name, but is not registered: write @register("{name}") above it.'
        if not known:
            return "None is registered: put streams.py into an app of INSTALLED_APPS, and use @register there."
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        return f"{meant}There are: {', '.join(known)}."

    def names(self) -> list[str]:
        return sorted(self._streams)

    def __contains__(self, name: object) -> bool:
        return name in self._streams

    def __iter__(self) -> Iterator[type[ModelStream]]:
        return iter(list(self._streams.values()))

    def declared(self) -> Iterator[type[ModelStream]]:
        """Yield the streams, without those that realtime derives from them to count unread rows."""
        return (stream for stream in self if not stream.name.endswith((UNREAD, MARKER)))

    def autodiscover(self) -> None:
        """Import the module `streams` of every installed app."""
        autodiscover_modules(MODULE)


def _unregistered(name: str) -> type[ModelStream] | None:
    """Return a stream class with this name in its body. A name alone does not register it."""
    rest = [ModelStream]
    while rest:
        stream = rest.pop()
        if vars(stream).get("name") == name:
            return stream
        rest += stream.__subclasses__()
    return None


def has_users() -> bool:
    from realtime.models import HAS_USERS  # streams can be imported before models are ready

    return HAS_USERS


def place(stream: type) -> str:
    return f"{stream.__module__}.{stream.__qualname__}"


registry = Registry()


@overload
def register(name: str) -> Callable[[Stream], Stream]: ...
@overload
def register(name: str, model: type[Model], **options: Any) -> type[ModelStream]: ...
def register(name: str, model: type[Model] | None = None, **options: Any) -> Any:
    """Register a stream under the name that templates, browsers and tests use.

    Decorate a stream class. Or, for all rows of a model, pass the model, with attributes and methods of `ModelStream`
    as keywords; this returns the new class. As in every stream, the default `authorize` requires Django's view
    permission for the model.

    Raise `StreamDefinitionError` if the class is not a stream, the name is missing or invalid, or `ModelStream` has no
    such option. The system check `realtime.E002` reports two streams with the same name.

        @register("tasks")
        class TaskStream(ModelStream):
            model = Task

        register("people", Person, fields=["id", "name"])
    """
    if not isinstance(name, str):
        raise _without_name(name)
    if model is not None:
        stream = _made(name, model, {"__module__": _calling_module(inspect.currentframe()), **options})
        registry.add(name, stream)
        return stream

    def decorate(stream: Stream) -> Stream:
        registry.add(name, stream)
        return stream

    return decorate


def _calling_module(frame: FrameType | None) -> str:
    """Return the name of the module that has called the function of this frame."""
    caller = frame.f_back if frame is not None else None
    return "" if caller is None else str(caller.f_globals.get("__name__", ""))


def _without_name(given: Any) -> StreamDefinitionError:
    """Return the refusal of `@register` and `register(Task)`, which lack the name."""
    what = place(given) if inspect.isclass(given) else repr(given)
    is_model = inspect.isclass(given) and issubclass(given, Model)
    return StreamDefinitionError(
        f"register() got {what} instead of the stream's name.",
        hint=f'Write register("a-name", {given.__name__}).'
        if is_model
        else 'Write @register("a-name") above the class.',
    )


def _made(name: str, model: Any, options: dict[str, Any]) -> type[ModelStream]:
    if not (inspect.isclass(model) and issubclass(model, Model)):
        raise StreamDefinitionError(
            f"register({name!r}, ...) got {model!r}, which is not a model.",
            hint="Pass a model, or decorate a class that subclasses realtime.ModelStream.",
        )
    own = {each for each in (*vars(ModelStream), *ModelStream.__annotations__) if not each.startswith("_")}
    for option in options:
        if option not in own and not option.startswith("__"):
            close = difflib.get_close_matches(option, own, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            raise StreamDefinitionError(
                f"register({name!r}, {model.__name__}, ...) got {option!r}, which is not an option of ModelStream.",
                hint=f"{meant}Actions, live values and parameters need a class.",
            )
    return type(f"{model.__name__}Stream", (ModelStream,), {"model": model, **options})
