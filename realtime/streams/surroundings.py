"""Surroundings: the script prefix, URLconf, language and time zone in which rows are read and rendered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from datetime import timezone as fixed_zone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation


class Surroundings(NamedTuple):
    """The context of `{% url %}`, `{% static %}`, translations and local times.

    `prefix` is the path below which the site is served ("/app"); `language` and `time_zone` are the viewer's. An empty
    value stands for the site's default: no prefix, LANGUAGE_CODE, TIME_ZONE.
    """

    prefix: str = ""
    language: str = ""
    time_zone: str = ""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Apply these surroundings, always with ROOT_URLCONF, so that rows are the same in a page and in a push."""
        prefix, urlconf = get_script_prefix(), get_urlconf()
        set_script_prefix(f"{self.prefix}/")
        set_urlconf(None)
        try:
            with (
                translation.override(self.language or settings.LANGUAGE_CODE),
                timezone.override(_zone(self.time_zone)),
            ):
                yield
        finally:
            set_script_prefix(prefix)
            set_urlconf(urlconf)

    def of_site(self) -> Surroundings:
        """Return the same prefix with the site's language and time zone, as for streams without `localize`."""
        return Surroundings(self.prefix)


SITE = Surroundings()
"""Those of a site that is served below no prefix, in its own language and time zone."""


def make(*, prefix: str = "", language: str | None = "", time_zone: str = "") -> Surroundings:
    """Return surroundings with empty values for the site's defaults, so that equal ones share a live query."""
    foreign = bool(language) and language != settings.LANGUAGE_CODE and is_language(str(language))
    moved = time_zone != settings.TIME_ZONE and _zone(time_zone) is not None
    return Surroundings(prefix.rstrip("/"), str(language) if foreign else "", time_zone if moved else "")


def of_page() -> Surroundings:
    """Return those of the page being rendered, as the request's middleware has set them."""
    return make(
        prefix=get_script_prefix(),
        language=translation.get_language(),
        time_zone=zone_name(timezone.get_current_timezone()),
    )


def is_language(code: str) -> bool:
    """Return whether the site supports this language."""
    return bool(settings.USE_I18N and translation.check_for_language(code))


def zone_name(zone: Any) -> str:
    """Return a time zone as text for `time_zone`: "Europe/Berlin", or "+02:00" for an offset; "" for any other."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # zoneinfo or pytz
    if isinstance(name, str):
        return "".join(name)  # `{% timezone "Asia/Tokyo" %}` makes a safe string of it
    offset = zone.utcoffset(None) if isinstance(zone, fixed_zone) else None
    if offset is None:
        return ""
    sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def _zone(name: str) -> Any:
    """Return the time zone with this name; None for "", and for an invalid name."""
    if not name:
        return None
    try:
        if name[0] in "+-":
            hours, _, minutes = name[1:].partition(":")
            offset = int(hours) * 60 + int(minutes)
            return timezone.get_fixed_timezone(-offset if name[0] == "-" else offset)
        return ZoneInfo(name)
    except (KeyError, ValueError, OverflowError, OSError):  # zoneinfo reads files with that name
        return None
