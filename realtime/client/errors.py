"""Errors of the client: what the server refused, and what it never answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.exceptions import Code, RealtimeError


class RemoteError(RealtimeError):
    """A refusal of the server, with the sentence as its text; or a call that had no answer.

    `code` is one of the protocol's codes, None where the server did not say it. `name` is the code's name, or one of
    `queue_full`, `outcome_unknown`, `no_reply`, `closed`. `details` holds sentences by argument; `retry` is the number
    of seconds after which a call may be made again, where the server has told.
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
