"""Settings: every `REALTIME_…` setting with its type, its default and the reason for it.

They are read from Django's settings each time, so that `override_settings` works in tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django.conf import settings as django_settings

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

    WINDOW_FRAMES: int = 32
    """Frames on the way to a client before it must acknowledge."""

    WINDOW_BYTES: int = 1024 * 1024
    """Bytes of frames on the way to a client before it must acknowledge; bounds the memory for a slow one."""

    MAX_MESSAGE_BYTES: int = 64 * 1024
    """The largest message that a client may send."""

    MAX_SUBSCRIPTIONS: int = 100
    """Subscriptions of one connection."""

    MAX_CALLS: int = 100
    """Calls of one connection that may wait for their turn; they run one by one, in the order they came."""

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

    def __getattribute__(self, name: str) -> Any:
        if not name.isupper():
            return super().__getattribute__(name)

        default = super().__getattribute__(name)
        value = getattr(django_settings, PREFIX + name, default)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        return value


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
        elif isinstance(default, tuple):
            right = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        elif isinstance(default, Mapping):
            right = isinstance(value, Mapping) and all(isinstance(item, str) for item in [*value, *value.values()])
        else:
            right = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            right = right and (isinstance(default, float) or isinstance(value, int))
        if not right:
            kinds: dict[type, str] = {tuple: "a list of strings", MappingProxyType: "a dictionary of strings"}
            kind = kinds.get(type(default), f"a positive {type(default).__name__}")
            if choices:
                kind = f"one of {', '.join(map(repr, choices))}"
            found.append(
                SettingError(
                    f"The setting {PREFIX}{name} is {value!r}, which is not {kind}.",
                    hint=f"Its default is {dict(default) if isinstance(default, Mapping) else default!r}.",
                )
            )
    return found
