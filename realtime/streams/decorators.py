"""Decorators that mark what a stream's class offers."""

from __future__ import annotations

from collections.abc import Callable
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
