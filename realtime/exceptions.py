"""Exceptions: the errors of `realtime`, and the codes that clients see.

RealtimeError
├── DefinitionError            for the developer: a message and a hint
│   ├── StreamDefinitionError  a stream that cannot work as declared
│   └── SettingError           an unknown setting or an invalid value
├── LiveTextError              a live text cannot be written
│   ├── TextBusy, TextLost     by this writer: another one writes it, or has taken it over
│   └── TextStopped            any further: somebody has stopped it
├── JobError                   a job cannot run: no user, no table, no such job
│   ├── JobBusy                another worker runs it
│   └── JobCancelled           somebody has cancelled it
├── CursorExpired              the log no longer reaches back to a cursor: a reset follows
└── ClientError                has a code and a reason, and may be sent to a client
    ├── ProtocolError          closes the connection
    │   ├── BadMessage, TooLarge, UnsupportedVersion, UnexpectedMessage
    │   ├── OriginRefused, CsrfFailed, SessionEnded
    │   └── TimedOut, Overloaded, GoingAway, InternalError
    └── Refusal                answers one subscription or one call
        ├── TokenExpired, TokenInvalid, UnknownStream, BadParameters, Forbidden
        ├── UnknownAction, InvalidArguments, NotFound, ActionError, Stale
        ├── AccessTimedOut, TooManyRows, WindowTooLarge, QueryTimedOut, CallTimedOut, CallsOverloaded
        └── UnknownEvent, EventTooLarge
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence


class Code(enum.IntEnum):
    """The codes that clients see. The class of a code (40xx, 41xx, 42xx) decides what the client does next."""

    GOING_AWAY = 4000  # 40xx: reconnect
    INTERNAL_ERROR = 4001
    OVERLOADED = 4002
    TIMEOUT = 4003
    TOKEN_EXPIRED = 4100  # 41xx: get a new page, token or login first
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
    """An invalid declaration in the project's code; `hint` says how to fix it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message, hint)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class StreamDefinitionError(DefinitionError):
    """A stream cannot work as declared; raised when the class is created or registered."""


class SettingError(DefinitionError):
    """A setting is unknown, or its value is invalid."""


class LiveTextError(RealtimeError):
    """A live text cannot be written: the row does not exist, or the field or its text does not fit."""


class TextBusy(LiveTextError):
    """Another writer is writing this live text. Wait until it ends, or stop it with `realtime.stop_text`."""


class TextLost(LiveTextError):
    """The row was deleted, or the writer's lease expired and another writer may write. Nothing more was saved."""


class TextStopped(LiveTextError):
    """Somebody has stopped the live text. Raised by `write`; the end of the `with` block handles it."""


class JobError(RealtimeError):
    """A job cannot run: it has no user, it does not exist, or `migrate` has not created its table."""


class JobBusy(JobError):
    """Another worker runs this job."""


class JobCancelled(JobError):
    """Somebody has cancelled the job. Raised by `advance`; the end of the `with` block handles it."""


class CursorExpired(RealtimeError):
    """The log has been pruned past the cursor, or the cursor belongs to another log."""


class ClientError(RealtimeError):
    """An error that may be sent to a client.

    `reason` is a sentence that reveals no server internals. `retry`, if known, is the number of seconds after which
    the client may try again. `hint` is for the developer and is never sent. `values` fill `%(name)s` placeholders;
    `template` is the sentence before that, for translation.
    """

    code: Code = Code.INTERNAL_ERROR
    hint: str = ""

    def __init__(self, reason: str, *, retry: float | None = None, **values: object) -> None:
        self.template = reason
        self.values = values
        self.reason = self.fill(reason)
        self.retry = retry
        super().__init__(self.reason)

    def fill(self, template: str) -> str:
        """Return the sentence with the values of this error."""
        return template % self.values if self.values else template

    def __str__(self) -> str:
        return f"{self.reason} {self.hint}".rstrip() + f" ({self.code.value} {self.code.name.lower()})"


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

    def __init__(self, reason: str = "Your session has ended or belongs to another user.") -> None:
        super().__init__(reason)


class TimedOut(ProtocolError):
    code = Code.TIMEOUT


class Overloaded(ProtocolError):
    code = Code.OVERLOADED


class GoingAway(ProtocolError):
    """The server process is stopping. The client should reconnect."""

    code = Code.GOING_AWAY

    def __init__(
        self, reason: str = "The server is restarting; please reconnect.", *, retry: float | None = None
    ) -> None:
        super().__init__(reason, retry=retry)


class InternalError(ProtocolError):
    """An unexpected exception. The server's log has the traceback; the client gets only this sentence."""

    def __init__(self, reason: str = "Internal server error; see the server's log.") -> None:
        super().__init__(reason)


class Refusal(ClientError):
    """Refuses one subscription or one call; the connection stays open."""


class TokenExpired(Refusal):
    code = Code.TOKEN_EXPIRED


class TokenInvalid(Refusal):
    code = Code.TOKEN_INVALID


class UnknownStream(Refusal):
    """No stream is registered under this name."""

    code = Code.UNKNOWN_STREAM


class BadParameters(Refusal):
    """A stream's parameters are missing, unknown or of the wrong type.

    `details` maps the names of parameters to lists of sentences for users, which may be lazy translations.
    """

    code = Code.BAD_PARAMETERS

    def __init__(self, reason: str, *, details: Mapping[str, Sequence[object]] | None = None) -> None:
        self.details = dict(details or {})
        super().__init__(reason)


class Forbidden(Refusal):
    """The user may not see the stream, or may not call the action."""

    code = Code.FORBIDDEN


class UnknownAction(Refusal):
    """The stream has no action with this name."""

    code = Code.UNKNOWN_ACTION


class InvalidArguments(Refusal):
    """An action's arguments are missing, unknown or invalid.

    `details` maps the names of arguments to lists of error messages. `values` fill `%(name)s` placeholders.
    """

    code = Code.INVALID

    def __init__(
        self,
        reason: str,
        *,
        details: Mapping[str, Sequence[str]] | None = None,
        retry: float | None = None,
        **values: object,
    ) -> None:
        self.details = dict(details or {})
        super().__init__(reason, retry=retry, **values)


class NotFound(Refusal):
    """The object of a call does not exist, or no longer exists."""

    code = Code.NOT_FOUND


class ActionError(Refusal):
    """Raised by an action to refuse a call; `reason` is shown to the user.

        raise ActionError("This task is already done.")

    The caller receives `{"code": 4218, "reason": "This task is already done."}`.
    """

    code = Code.ACTION_REFUSED


class UnknownEvent(Refusal):
    """The stream does not let clients send this event."""

    code = Code.UNKNOWN_EVENT


class EventTooLarge(Refusal):
    """The data of an event or of a presence exceeds the size limit."""

    code = Code.TOO_LARGE


class Stale(Refusal):
    """The row has changed since the form was opened; nothing was saved.

    `details` maps the names of the changed fields to lists of error messages. `version` is the row's current version:
    a client that submits the form again with it overwrites the row.
    """

    code = Code.STALE

    def __init__(self, reason: str, *, details: Mapping[str, Sequence[str]], version: str) -> None:
        self.details = dict(details)
        self.version = version
        super().__init__(reason)


class CallTimedOut(Refusal):
    """The action took too long and was cancelled before it committed; nothing was saved."""

    code = Code.TIMEOUT

    def __init__(self, seconds: float) -> None:
        sentence = "The action took longer than %(seconds)g seconds and was cancelled; nothing was saved."
        super().__init__(sentence, seconds=seconds)


class QueryTimedOut(Refusal):
    """Reading the live query exceeds `REALTIME_QUERY_SECONDS`. Other live queries are not delayed."""

    code = Code.TIMEOUT

    def __init__(self, seconds: float, *, retry: float | None = None) -> None:
        super().__init__(f"Reading these rows takes longer than {seconds:g} seconds.", retry=retry)


class AccessTimedOut(Refusal):
    """`authorize` exceeds `REALTIME_QUERY_SECONDS`."""

    code = Code.TIMEOUT

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Checking your access takes longer than {seconds:g} seconds.")


class TooManyRows(Refusal):
    """The live query has more rows than the limit `rows`. Other live queries are not delayed."""

    code = Code.TOO_LARGE

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"There are more than {most} rows.")


class WindowTooLarge(Refusal):
    """The client asks for more rows of a list than the limit `window_rows`."""

    code = Code.TOO_LARGE

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__("No more than %(most)d rows of this list can be shown at once.", most=most)


class CallsOverloaded(Refusal):
    """The server process is too busy to accept the call; it has not run."""

    code = Code.OVERLOADED
