"""Settings: every `REALTIME_…` setting with its type, its default and the reason for it.

They are read from Django's settings each time, so that `override_settings` works in tests.
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
    """Other origins whose pages may connect and act as the user ("https://app.example.com"); one's own always may."""

    TOKEN_SECONDS: float = 14 * 24 * 3600
    """How long a page may stay unconnected before it has to be loaded anew; as long as Django's sessions."""

    BEAT_SECONDS: float = 25.0
    """The silence after which a client hears a beat; under the 30 to 60 s after which proxies cut a connection."""

    HELLO_SECONDS: float = 10.0
    """How long a new connection may stay silent."""

    AUTHENTICATE: str = ""
    """Dotted path of the function that knows users by a token, for clients without cookies; without it none may."""

    DRAIN_SECONDS: float = 8.0
    """How long a process that is told to stop may take to send its clients away; Docker kills it after ten."""

    TRUSTED_PROXIES: int = 0
    """Proxies in front of the server that append to X-Forwarded-For, where a client's address is found then."""

    MAX_CONNECTIONS_PER_USER: int = 100
    """Connections of one user to one process."""

    MAX_CONNECTIONS_PER_ADDRESS: int = 500
    """Connections of visitors who are not logged in, from one address to one process."""

    WINDOW_FRAMES: int = 256
    """Frames on the way to a client before it must acknowledge, which it does at each quarter of them."""

    WINDOW_BYTES: int = 1024 * 1024
    """Bytes of frames on the way to a client before it must acknowledge; bounds the memory for a slow one."""

    MAX_MESSAGE_BYTES: int = 64 * 1024
    """The largest message that a client may send."""

    MAX_MESSAGES_PER_SECOND: float = 50.0
    """Messages of one connection in the long run; ten seconds' worth may come at once."""

    MAX_CALLS_PER_SECOND: float = 20.0
    """Calls of one user, or of one address's visitors, to one process; ten seconds' worth may come at once."""

    MAX_PARAM_LENGTH: int = 1000
    """Characters of a stream's parameter."""

    MAX_SUBSCRIPTIONS: int = 100
    """Subscriptions of one connection."""

    MAX_CALLS: int = 100
    """Calls of one connection that may wait for their turn; they run one by one, in the order they came."""

    EVENTS_PER_SECOND: float = 20.0
    """Events of one user, or of one address's visitors, to one process; ten seconds' worth may come at once."""

    PRESENCE_GRACE_SECONDS: float = 10.0
    """How long somebody without a connection is still present: a page that reloads does not flicker."""

    PRESENCE_LEASE_SECONDS: float = 20.0
    """How long after the death of a server process its people are gone at the latest."""

    MAX_CHANGES: int = 10_000
    """Changes of one tick, or of one resume, beyond which live queries are read afresh instead."""

    RETENTION_SECONDS: float = 24 * 3600
    """How long a change is kept: a client that was away for less is sent only what it missed."""

    LISTEN_DSN: Mapping[str, str] = MappingProxyType({})
    """By database alias, how to reach PostgreSQL for LISTEN past a pooler ("host=db dbname=site")."""

    CAPTURE: Literal["orm", "triggers"] = "orm"
    """What notices changes: Django's ORM, or database triggers, which see other programs too. Then run `migrate`."""

    THREADS: int = 4
    """Threads (and database connections) of a server process for actions."""

    ACTION_SECONDS: float = 20.0
    """How long an action may run; then it is given up without an effect, and its thread is replaced."""

    MAX_REPLY_BYTES: int = 64 * 1024
    """The largest result of an action; it is stored with the call, to be given again to whoever repeats it."""

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


_values: dict[str, Any] = {}  # that have been looked up, which takes Django long where a setting is not there
setting_changed.connect(lambda **kwargs: _values.clear(), weak=False)  # in tests

settings = Settings()


def names() -> list[str]:
    """The names of all settings, with their prefix."""
    return [PREFIX + name for name in get_type_hints(Settings)]


def problems() -> list[SettingError]:
    """What is wrong with the values: a wrong type, or a setting that does not exist."""
    known = ", ".join(sorted(names()))
    found = [
        SettingError(f"The setting {name} does not exist.", hint=f"Existing ones: {known}.")
        for name in dir(django_settings)
        if name.startswith(PREFIX) and name not in names()
    ]
    for name, hint in get_type_hints(Settings).items():
        default, value = vars(Settings)[name], getattr(settings, name)
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        if choices:
            right = value in choices
        elif isinstance(default, str):
            right = isinstance(value, str) and (not value or _is_callable(value))
        elif isinstance(default, tuple):
            right = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        elif isinstance(default, Mapping):
            right = isinstance(value, Mapping) and all(isinstance(item, str) for item in [*value, *value.values()])
        else:
            right = isinstance(value, int | float) and not isinstance(value, bool)
            right = right and (value > 0 or value == default)
            right = right and (isinstance(default, float) or isinstance(value, int))
        if not right:
            kinds: dict[type, str] = {
                tuple: "a list of strings",
                MappingProxyType: "a dictionary of strings",
                str: "the dotted path of a function",
            }
            kind = kinds.get(type(default), f"{'' if default else '0 or '}a positive {type(default).__name__}")
            if choices:
                kind = f"one of {', '.join(map(repr, choices))}"
            found.append(
                SettingError(
                    f"The setting {PREFIX}{name} is {value!r}, which is not {kind}.",
                    hint=f"Its default is {dict(default) if isinstance(default, Mapping) else default!r}.",
                )
            )
    return found


def _is_callable(path: str) -> bool:
    try:
        return callable(import_string(path))
    except ImportError:
        return False
