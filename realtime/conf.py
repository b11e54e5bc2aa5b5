"""Settings: every `REALTIME_…` setting with its type and default.

`override_settings` works in tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from realtime.exceptions import SettingError

PREFIX = "REALTIME_"


class Settings:
    """The settings of `realtime`; the attribute `NAME` is the Django setting `REALTIME_NAME`."""

    ALLOWED_ORIGINS: tuple[str, ...] = ()
    """Origins of other sites whose pages may connect and act as the user ("https://app.example.com")."""

    TOKEN_SECONDS: float = 14 * 24 * 3600
    """How long after rendering a page may connect. The default is Django's session age."""

    HEARTBEAT_SECONDS: float = 25.0
    """How often an idle connection gets a heartbeat. Proxies cut silent connections after 30 to 60 seconds."""

    AUTHENTICATE: str = ""
    """Dotted path of the function that maps a bearer token to a user. Without it, tokens are refused."""

    DRAIN_SECONDS: float = 8.0
    """How long a stopping process may take to disconnect its clients. Docker kills it after ten seconds."""

    TRUSTED_PROXIES: int = 0
    """The number of proxies in front of the server that append to X-Forwarded-For."""

    PRESENCE_GRACE_SECONDS: float = 10.0
    """How long a disconnected user stays present, so that reloading a page causes no flicker."""

    RETENTION_SECONDS: float = 24 * 3600
    """How long changes are kept. A client that reconnects within this time gets only what it missed."""

    LISTEN_DSN: Mapping[str, str] = MappingProxyType({})
    """By database alias: a PostgreSQL DSN for LISTEN that bypasses a pooler ("host=db dbname=site")."""

    CAPTURE: Literal["orm", "triggers", "signals"] = "orm"
    """How changes are captured: by the ORM; by database triggers, which see other programs too (run `migrate` after
    a change); or by Django's signals alone, which wraps nothing of Django."""

    UNTRACKED_FIELDS: tuple[str, ...] = ()
    """Fields that no page shows ("auth.User.last_login"). An UPDATE of these alone, by the ORM, is no change."""

    THREADS: int = 4
    """Threads for actions in each server process, with a database connection each."""

    ACTION_SECONDS: float = 20.0
    """How long an action may run. Then it is cancelled without effect, and its thread is replaced."""

    QUERY_SECONDS: float = 10.0
    """How long reading a live query may take before its subscribers are refused. A twentieth counts as slow."""

    LIMITS: Mapping[str, float] = MappingProxyType({})
    """Limits on what clients may use of one server process: a dictionary that overrides `Limits`."""

    def __getattribute__(self, name: str) -> Any:
        if name in _values:
            return _values[name]
        if not name.isupper():
            return super().__getattribute__(name)

        default = super().__getattribute__(name)
        value = getattr(django_settings, PREFIX + name, default)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        _values[name] = value
        return value


class Limits:
    """What clients may use of one server process; the attribute `name` is `REALTIME_LIMITS["name"]`.

    Rates are averages; bursts of up to ten seconds' worth are allowed.
    """

    # connections
    connections_per_user: int = 100
    """Connections of one user."""

    connections_per_address: int = 500
    """Connections of anonymous clients from one address."""

    anonymous_addresses: int = 20
    """All anonymous clients together may use this many times the limits of one address."""

    handshake_seconds: float = 10.0
    """How long a new connection may take to send its first message."""

    # messages
    message_bytes: int = 64 * 1024
    """The largest message of an authenticated client."""

    anonymous_message_bytes: int = 16 * 1024
    """The largest message of an anonymous client."""

    request_bytes: int = 256 * 1024
    """The largest HTTP request, including all its messages."""

    request_messages: int = 256
    """Messages in one HTTP request."""

    messages_per_second: float = 50.0
    """Messages of one connection; a message of more than 4 KiB counts several times."""

    messages_per_second_per_user: float = 500.0
    """Messages of all connections of one user, or of the anonymous clients of one address."""

    checks_per_second: float = 100.0
    """Subscriptions, tokens and sessions that are checked for one user, or for one address's anonymous clients."""

    # subscriptions
    subscriptions: int = 100
    """Subscriptions of one connection."""

    live_queries: int = 1000
    """Live queries of one user or anonymous address; unpartitioned ones, and many in a partition, count as several."""

    anonymous_live_queries: int = 6000
    """Live queries of all anonymous clients, counted likewise. Beyond it, the heaviest users lose theirs first."""

    param_length: int = 1000
    """Characters in a stream's parameter, in all its values together."""

    changes: int = 10_000
    """Changes per tick, or per resume. Beyond it, live queries are reloaded completely."""

    rows: int = 50_000
    """Rows of a live query. Beyond it, its subscribers are refused; a tenth of it logs a warning."""

    window_rows: int = 10_000
    """Rows that a client may load of a list that shows more when asked; a page beyond it is not affected."""

    row_memory_bytes: int = 16 * 1024 * 1024
    """Bytes of the rows last sent that a process remembers for each database, to send only what has changed since."""

    # calls, events and presence
    queued_calls: int = 100
    """Calls of one connection that may be queued. They run one at a time, in order."""

    calls_per_second: float = 20.0
    """Calls of one user, or of the anonymous clients of one address."""

    reply_bytes: int = 64 * 1024
    """The largest result of an action. It is stored with the call, for retries."""

    events_per_second: float = 20.0
    """Events of one user, or of the anonymous clients of one address."""

    presence_per_second: float = 20.0
    """Presence updates that one user may send, and rows that are written for them."""

    presences_per_user: int = 100
    """Streams, with their parameters, at which one user may be present at the same time."""

    presence_lease_seconds: float = 20.0
    """How long users may still appear present after their server process has died."""

    # flow control
    window_frames: int = 256
    """Frames in flight to a client before it must acknowledge; clients acknowledge every quarter."""

    window_bytes: int = 1024 * 1024
    """Bytes in flight to a client before it must acknowledge; this bounds the memory of a slow client."""

    unread_bytes: int = 32 * 1024 * 1024
    """Bytes that the clients of one user, or the anonymous clients of one address, may leave unread together."""

    def __getattribute__(self, name: str) -> Any:
        default = super().__getattribute__(name)
        return default if name.startswith("_") else settings.LIMITS.get(name, default)


_values: dict[str, Any] = {}  # a cache: looking up a missing setting is slow in Django
setting_changed.connect(lambda **kwargs: _values.clear(), weak=False)  # in tests

settings = Settings()
limits = Limits()


def names() -> list[str]:
    """Return the names of all settings, with their prefix."""
    return [PREFIX + name for name in get_type_hints(Settings)]


def problems() -> list[SettingError]:
    """Return an error for each unknown setting and each invalid value."""
    known = ", ".join(sorted(names()))
    found = [
        SettingError(f"The setting {name} does not exist.", hint=f"Settings: {known}.")
        for name in dir(django_settings)
        if name.startswith(PREFIX) and name not in names()
    ]
    for name, hint in get_type_hints(Settings).items():
        default, value = vars(Settings)[name], getattr(settings, name)
        if name == "LIMITS":
            found += _limit_problems(value)
        elif kind := _missing_kind(hint, default, value):
            found.append(_invalid(name, value, kind, default))
    return found


def limit_names() -> list[str]:
    """Return the keys of `REALTIME_LIMITS`."""
    return list(get_type_hints(Limits))


def _limit_problems(given: object) -> list[SettingError]:
    if not isinstance(given, Mapping):
        return [_invalid("LIMITS", given, "a dictionary of numbers", {})]
    known = ", ".join(limit_names())
    found = [
        SettingError(f"The setting {PREFIX}LIMITS has no limit {name!r}.", hint=f"Limits: {known}.")
        for name in given
        if name not in limit_names()
    ]
    for name, hint in get_type_hints(Limits).items():
        default = vars(Limits)[name]
        value = given.get(name, default)
        if kind := _missing_kind(hint, default, value):
            found.append(_invalid(f'LIMITS["{name}"]', value, kind, default))
    return found


def _missing_kind(hint: Any, default: Any, value: Any) -> str:
    """Return what the value of a setting should be and is not; an empty string if it is right."""
    if get_origin(hint) is Literal:
        right, kind = value in get_args(hint), f"one of {', '.join(map(repr, get_args(hint)))}"
    elif isinstance(default, str):
        right, kind = isinstance(value, str) and (not value or _is_callable(value)), "the dotted path of a function"
    elif isinstance(default, tuple):
        right, kind = isinstance(value, tuple) and all(isinstance(item, str) for item in value), "a list of strings"
    elif isinstance(default, Mapping):
        right = isinstance(value, Mapping) and all(isinstance(item, str) for item in [*value, *value.values()])
        kind = "a dictionary of strings"
    else:
        right = isinstance(value, int | float) and not isinstance(value, bool) and (value > 0 or value == default)
        right = right and (isinstance(default, float) or isinstance(value, int))
        kind = f"{'' if default else '0 or '}a positive {type(default).__name__}"
    return "" if right else kind


def _invalid(name: str, value: object, kind: str, default: Any) -> SettingError:
    return SettingError(
        f"The setting {PREFIX}{name} is {value!r}, which is not {kind}.",
        hint=f"The default is {dict(default) if isinstance(default, Mapping) else default!r}.",
    )


def _is_callable(path: str) -> bool:
    try:
        return callable(import_string(path))
    except ImportError:
        return False


def has_middleware(wanted: type) -> bool:
    """Return whether MIDDLEWARE has this class, or one that is made from it."""
    for path in django_settings.MIDDLEWARE:
        try:
            found = import_string(path)
        except ImportError:  # Django reports it
            continue
        if isinstance(found, type) and issubclass(found, wanted):
            return True
    return False
