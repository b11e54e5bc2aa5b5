"""Checks of declarations: misspelt or conflicting names in streams and admins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.contrib.admin.sites import all_sites
from django.core.checks import CheckMessage, Error, Warning

from realtime.checks import register
from realtime.streams.decorators import ACTION, EVENT, LIVE_VALUE
from realtime.streams.presence import PresenceStream
from realtime.streams.registry import place, registry
from realtime.streams.stream import ModelStream

HOOKS = (
    "authorize",
    "audience",
    "get_queryset",
    "authorize_form",
    "get_form",
    "get_fields",
    "get_template_name",
    "changes_at",
)
KNOWN = {name for kind in PresenceStream.__mro__ for name in (*vars(kind), *vars(kind).get("__annotations__", ()))}
CLOSE = 0.75  # difflib's similarity of two names


def option_names() -> list[str]:
    """Return the options and hooks that a stream may define."""
    return [*(name for name in ModelStream.__annotations__ if name != "name"), *HOOKS]


@register()
def check_names(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E063: an action, event or live value that overrides a method. W064: a misspelt option or hook."""
    found: list[CheckMessage] = []
    for stream in registry.declared():
        for name, value in _own_attributes(stream):
            kind = _kind(value)
            if kind and _is_reserved(stream, name):
                found.append(
                    Error(
                        f"The {kind} {stream.__name__}.{name} overrides a method of ModelStream.",
                        hint="Give it another name.",
                        obj=place(stream),
                        id="realtime.E063",
                    )
                )
            elif not kind and name not in KNOWN and (meant := close_name(name, option_names())):
                found.append(
                    Warning(
                        f"{stream.__name__}.{name} is not an option or hook of a stream, so it has no effect.",
                        hint=f"Did you mean {meant!r}? If the name is intended, start it with an underscore.",
                        obj=place(stream),
                        id="realtime.W064",
                    )
                )
    return found


@register()
def check_admin_names(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W064: a misspelt option of a live admin."""
    if not apps.is_installed("django.contrib.admin"):
        return []
    from realtime.admin import LiveModelAdmin  # needs the admin's models

    known = [name for name in dir(LiveModelAdmin) if name.startswith("live_")]
    admins = [each for site in all_sites for each in site._registry.values() if isinstance(each, LiveModelAdmin)]
    found: list[CheckMessage] = []
    for model_admin in admins:
        for name, _ in _own_attributes(type(model_admin)):
            if name.startswith("live") and name not in known and (meant := close_name(name, known)):
                found.append(
                    Warning(
                        f"{type(model_admin).__name__}.{name} is not an option of LiveModelAdmin. It has no effect.",
                        hint=f"Did you mean {meant!r}? If the name is intended, start it with an underscore.",
                        obj=place(type(model_admin)),
                        id="realtime.W064",
                    )
                )
    return found


def _is_reserved(stream: type, name: str) -> bool:
    """Return whether the base class needs this name for itself; its own live values may be replaced."""
    base: Any = PresenceStream if issubclass(stream, PresenceStream) else ModelStream
    return name in base.__annotations__ or (hasattr(base, name) and not _kind(getattr(base, name)))


def _own_attributes(stream: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that the project's own classes define."""
    seen = set()
    for kind in stream.__mro__:
        if kind.__module__.partition(".")[0] in ("builtins", "typing", "realtime", "django"):
            continue
        for name, value in vars(kind).items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, value


def _kind(value: Any) -> str:
    kinds = ((ACTION, "action"), (EVENT, "event"), (LIVE_VALUE, "live value"))
    return next((kind for mark, kind in kinds if hasattr(value, mark)), "")


def close_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that `name` most likely misspells, or None."""
    plain = {each.replace("_", "").lower(): each for each in known}
    wanted = name.replace("_", "").lower()
    if close := difflib.get_close_matches(wanted, plain, n=1, cutoff=CLOSE):
        return plain[close[0]]
    # the first words of a longer name: "form" for "form_class"
    return next((each for each in known if each.startswith(f"{name}_")), None)
