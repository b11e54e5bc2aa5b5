"""Decorators for methods of streams: `@action`, `@event` and `@live_value`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_type_hints, overload

Method = TypeVar("Method", bound=Callable[..., Any])

ACTION = "_realtime_action"


@overload
def action(method: Method, /) -> Method: ...
@overload
def action(*, permission: str | None = None) -> Callable[[Method], Method]: ...


def action(method: Method | None = None, /, *, permission: str | None = None) -> Method | Callable[[Method], Method]:
    """Let clients call a method of a stream.

    The method takes `self` (bound to the call's parameters: `self.params`), `user`, and named arguments from the
    client, converted to their annotations. It runs in a transaction after the user is authorized for the stream. It
    may be `async`. Its return value must be serializable to JSON; it is the reply. `permission` is a Django permission
    ("board.change_task") that the user also needs.

        @action(permission="board.change_task")
        def rename(self, user, pk: int, title: str):
            self.get_queryset(**self.params).filter(pk=pk).update(title=title)

    From the browser: `await tasks.call("rename", {pk: 3, title: "Buy milk"})`.
    """

    def mark(function: Method) -> Method:
        setattr(function, ACTION, {"permission": permission})
        return function

    return mark if method is None else mark(method)


LIVE_VALUE = "_realtime_live_value"


@overload
def live_value(method: Method, /) -> Method: ...
@overload
def live_value(*, depends_on: Sequence[str] = (), permission: str | None = None) -> Callable[[Method], Method]: ...


def live_value(
    method: Method | None = None, /, *, depends_on: Sequence[str] = (), permission: str | None = None
) -> Method | Callable[[Method], Method]:
    """Make the return value of a method live: a count, a sum, any JSON value.

    The method takes only `self`, bound as for `get_queryset`. It is called again when rows of the stream's model with
    the same partition change, or any row of the models in `depends_on` ("app.Model"). The value is sent if it differs.
    Every user who may see the stream may see its values, regardless of audience and `get_fields`. `permission` is
    a Django permission ("board.view_budget") that the user also needs.

        @live_value
        def open_count(self):
            return self.get_queryset(**self.params).filter(done=False).count()

    In a template: `{% live_value "tasks" "open_count" project=project.pk %}`. From the browser:
    `realtime.value("tasks", {project: 7}, "open_count").subscribe(value => ...)`.
    """

    def mark(function: Method) -> Method:
        setattr(function, LIVE_VALUE, {"depends_on": tuple(depends_on), "permission": permission})
        return function

    return mark if method is None else mark(method)


EVENT = "_realtime_event"


def event(method: Method, /) -> Method:
    """Let clients send an event to all subscribers of the same live query.

    The method validates the event and has its name. It takes `self` (bound as for an action), `user`, and named values
    from the client, converted to their annotations. Raise `PermissionDenied` or `ActionError` to refuse the event. Its
    return value is sent as the event's data, or the client's values if it returns None. It runs in a thread, where it
    may use the database, or is `async`. `user` is loaded only if the method uses it.

        @event
        def typing(self, user, card: int): ...

    From the browser: `tasks.send("typing", {card: 3})`, and `tasks.on("typing", (data, {sender}) => ...)`.
    """
    setattr(method, EVENT, True)
    return method


def decorated(stream: type, mark: str) -> dict[str, Any]:
    """Return what a decorator has left on the methods of a class, by their names in order."""
    # inspect.getmembers() takes many times as long, and this is called for each stream whenever capture starts
    names = {name for part in stream.__mro__ for name, member in vars(part).items() if hasattr(member, mark)}
    return {name: getattr(member, mark) for name in sorted(names) if hasattr(member := getattr(stream, name), mark)}


class Signature(NamedTuple):
    """The parameters of a method by name, without those that clients do not pass, and their annotations."""

    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]


@cache
def signature(method: Callable[..., Any], *, skip: int) -> Signature:
    """Return the signature of a function, without its first `skip` parameters."""
    parameters = list(inspect.signature(method).parameters.items())[skip:]
    try:
        hints = get_type_hints(method, include_extras=True)
    except NameError:  # names that exist for type checkers only
        hints = {}
    return Signature(dict(parameters), hints)
