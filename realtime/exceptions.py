"""Exceptions: what can go wrong, and what of it a client may be told.

RealtimeError
├── DefinitionError            for the developer: a sentence and its remedy
│   ├── StreamDefinitionError  a stream that cannot work as declared
│   └── SettingError           a setting that does not exist, or has a wrong value
├── CursorExpired              a cursor that the log cannot answer for: a reset follows
└── ClientError                has a code and a sentence, and may reach a client
    ├── ProtocolError          closes the connection
    │   ├── BadMessage, TooLarge, UnsupportedVersion, UnexpectedMessage
    │   ├── OriginRefused, CsrfFailed, SessionEnded
    │   └── TimedOut, Overloaded, GoingAway, InternalError
    └── Refusal                answers one subscription or one call
        ├── TokenExpired, TokenInvalid, UnknownStream, BadParameters, Forbidden
        ├── UnknownAction, InvalidArguments, NotFound, ActionError, Stale
        ├── CallTimedOut, CallsOverloaded
        └── UnknownEvent, EventTooLarge
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence


class Code(enum.IntEnum):
    """The codes that a client may see; the hundred says what it does next."""

    GOING_AWAY = 4000  # 40xx: come back
    INTERNAL_ERROR = 4001
    OVERLOADED = 4002
    TIMEOUT = 4003
    TOKEN_EXPIRED = 4100  # 41xx: ask anew
    SESSION_ENDED = 4101
    CSRF_FAILED = 4102
    BAD_MESSAGE = 4200  # 42xx: stop
    TOO_LARGE = 4201
    UNSUPPORTED_VERSION = 4202
    UNEXPECTED_MESSAGE = 4203
    ORIGIN_REFUSED = 4210
    TOKEN_INVALID = 4211
    UNKNOWN_STREAM = 4212
    BAD_PARAMETERS = 4213
    FORBIDDEN = 4214
    UNKNOWN_ACTION = 4215
    INVALID = 4216
    NOT_FOUND = 4217
    ACTION_REFUSED = 4218
    STALE = 4219
    UNKNOWN_EVENT = 4220


class RealtimeError(Exception):
    """The base of every exception of `realtime`."""


class DefinitionError(RealtimeError):
    """What a developer has declared wrongly; `hint` holds the remedy."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message, hint)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class StreamDefinitionError(DefinitionError):
    """A stream that cannot work as declared; raised when the class is made or registered."""


class SettingError(DefinitionError):
    """A setting that does not exist, or whose value cannot be used."""


class CursorExpired(RealtimeError):
    """The log has been pruned past the cursor, or the cursor belongs to another log."""


class ClientError(RealtimeError):
    """What a client may be told: a code, a sentence, and where known when to come back.

    `reason` leaks nothing of the server's inside; `retry` is in seconds.
    """

    code: Code = Code.INTERNAL_ERROR

    def __init__(self, reason: str, *, retry: float | None = None) -> None:
        self.reason = reason
        self.retry = retry
        super().__init__(reason)

    def __str__(self) -> str:
        return f"{self.reason} ({self.code.value} {self.code.name.lower()})"


class ProtocolError(ClientError):
    """Closes the connection."""


class BadMessage(ProtocolError):
    code = Code.BAD_MESSAGE


class TooLarge(ProtocolError):
    code = Code.TOO_LARGE


class UnsupportedVersion(ProtocolError):
    code = Code.UNSUPPORTED_VERSION


class UnexpectedMessage(ProtocolError):
    code = Code.UNEXPECTED_MESSAGE


class OriginRefused(ProtocolError):
    code = Code.ORIGIN_REFUSED


class CsrfFailed(ProtocolError):
    code = Code.CSRF_FAILED


class SessionEnded(ProtocolError):
    code = Code.SESSION_ENDED

    def __init__(self, reason: str = "You are no longer logged in as you were.") -> None:
        super().__init__(reason)


class TimedOut(ProtocolError):
    code = Code.TIMEOUT


class Overloaded(ProtocolError):
    code = Code.OVERLOADED


class GoingAway(ProtocolError):
    """The server process is stopping; the client is to come back, to another one or to the one that follows."""

    code = Code.GOING_AWAY

    def __init__(self, reason: str = "The server is stopping; come back.", *, retry: float | None = None) -> None:
        super().__init__(reason, retry=retry)


class InternalError(ProtocolError):
    """What a client is told of an exception that only the server's log describes."""

    def __init__(self, reason: str = "The server failed; the failure is in its log.") -> None:
        super().__init__(reason)


class Refusal(ClientError):
    """Answers one subscription or one call; the connection goes on."""


class TokenExpired(Refusal):
    code = Code.TOKEN_EXPIRED


class TokenInvalid(Refusal):
    code = Code.TOKEN_INVALID


class UnknownStream(Refusal):
    """No stream is registered under the name."""

    code = Code.UNKNOWN_STREAM


class BadParameters(Refusal):
    """Parameters of a stream that are missing, unknown or of a wrong type."""

    code = Code.BAD_PARAMETERS


class Forbidden(Refusal):
    """The user may not see the stream, or may not call the action."""

    code = Code.FORBIDDEN


class UnknownAction(Refusal):
    """The stream has no action of the name."""

    code = Code.UNKNOWN_ACTION


class InvalidArguments(Refusal):
    """Arguments of an action that are missing, unknown or refused by validation.

    `details` maps the name of an argument to its sentences.
    """

    code = Code.INVALID

    def __init__(self, reason: str, *, details: Mapping[str, Sequence[str]] | None = None) -> None:
        self.details = dict(details or {})
        super().__init__(reason)


class NotFound(Refusal):
    """What a call is about does not exist, or not any more."""

    code = Code.NOT_FOUND


class ActionError(Refusal):
    """Raised by an action to refuse a call; `reason` is shown to the user.

        raise ActionError("This task is already done.")

    The caller receives `{"code": 4218, "reason": "This task is already done."}`.
    """

    code = Code.ACTION_REFUSED


class UnknownEvent(Refusal):
    """The stream does not let clients send such an event."""

    code = Code.UNKNOWN_EVENT


class EventTooLarge(Refusal):
    """An event, or what someone says of their presence, with more bytes than the limit allows."""

    code = Code.TOO_LARGE


class Stale(Refusal):
    """A form that was filled in for a row which has changed since; nothing was written.

    `details` maps the names of the fields that have changed to sentences; `version` is that of the row as it is now:
    sent with the same values, it overwrites them knowingly.
    """

    code = Code.STALE

    def __init__(self, reason: str, *, details: Mapping[str, Sequence[str]], version: str) -> None:
        self.details = dict(details)
        self.version = version
        super().__init__(reason)


class CallTimedOut(Refusal):
    """The action took too long. It was given up before it committed: it has no effect."""

    code = Code.TIMEOUT

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The action took longer than {seconds:g} seconds and was given up: it had no effect.")


class CallsOverloaded(Refusal):
    """The server process cannot take the call now; it has not run."""

    code = Code.OVERLOADED
