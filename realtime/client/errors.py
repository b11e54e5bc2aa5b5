"""RemoteError: a refusal by the server, or a call without a reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from realtime.exceptions import Code, RealtimeError


class RemoteError(RealtimeError):
    """A refusal by the server, or a call without a reply. `str()` gives the reason.

    `code` is a protocol code, or None if the error did not come from the server. `name` is the code's name, or one of
    `queue_full`, `outcome_unknown`, `no_reply`, `closed`. `details` maps arguments to error messages. `retry`, if
    known, is the number of seconds after which the call may be tried again.
    """

    def __init__(
        self,
        code: int | None,
        reason: str,
        *,
        name: str = "",
        details: Mapping[str, Sequence[str]] | None = None,
        retry: float | None = None,
    ) -> None:
        self.code = code
        self.reason = reason
        self.name = name or _name(code)
        self.details = {key: list(sentences) for key, sentences in (details or {}).items()}
        self.retry = retry
        super().__init__(reason)

    def __str__(self) -> str:
        return f"{self.reason} ({f'{self.code} ' if self.code else ''}{self.name})"


def _name(code: int | None) -> str:
    if code is None:
        return "closed"
    return Code(code).name.lower() if code in set(Code) else f"code_{code}"


@contextmanager
def extra_required() -> Iterator[None]:
    """Raise `RealtimeError` with the remedy if an import fails because the extra `client` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "websockets":
            raise
        text = "This needs the package `websockets`. Run `pip install django-live-queries[client]`."
        raise RealtimeError(text) from error
