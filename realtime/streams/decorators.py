"""Decorators that mark what a stream's class offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

Method = TypeVar("Method", bound=Callable[..., Any])

ACTION = "_realtime_action"


@overload
def action(method: Method, /) -> Method: ...
@overload
def action(*, permission: str | None = None) -> Callable[[Method], Method]: ...


def action(method: Method | None = None, /, *, permission: str | None = None) -> Method | Callable[[Method], Method]:
    """Let clients call a method of a stream.

    The method takes `self` (bound to the call's parameters: `self.params`), `user`, and named arguments from the
    client, converted to their annotations. It runs in a transaction, once the user is authorized for the stream, and
    may be `async`. What it returns has to fit into JSON and is the reply. `permission` names a Django permission
    ("board.change_task") that the user needs as well.

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
def live_value(*, depends_on: Sequence[str] = ()) -> Callable[[Method], Method]: ...


def live_value(
    method: Method | None = None, /, *, depends_on: Sequence[str] = ()
) -> Method | Callable[[Method], Method]:
    """Make what a method of a stream computes live: a count, a sum, any value that JSON has.

    The method takes `self` alone, bound as for `get_queryset`. It is computed again when rows of the stream's model
    with the same partition change, or any row of the models in `depends_on` ("app.Model"), and sent when the value
    differs. Whoever may see the stream may see its values.

        @live_value
        def open_count(self):
            return self.get_queryset(**self.params).filter(done=False).count()

    In a template: `{% live_value "tasks" "open_count" project=project.pk %}`. From the browser:
    `realtime.value("tasks", {project: 7}, "open_count").subscribe(value => ...)`.
    """

    def mark(function: Method) -> Method:
        setattr(function, LIVE_VALUE, {"depends_on": tuple(depends_on)})
        return function

    return mark if method is None else mark(method)


EVENT = "_realtime_event"


def event(method: Method, /) -> Method:
    """Let clients send an event to all who look at the same live query.

    The method is the event's name, its check and its hook. It takes `self` (bound as for an action), `user`, and named
    values from the client, converted to their annotations. It may raise `PermissionDenied` or `ActionError` to refuse.
    What it returns is sent as the event's data; where it returns nothing, what the client gave is sent. It runs in
    a thread and may use the database, or is `async`; `user` is looked up only if the method uses it.

        @event
        def typing(self, user, card: int): ...

    From the browser: `tasks.send("typing", {card: 3})`, and `tasks.on("typing", (data, {sender}) => ...)`.
    """
    setattr(method, EVENT, True)
    return method
