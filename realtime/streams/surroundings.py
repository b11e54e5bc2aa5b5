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
    """What `{% url %}`, `{% static %}`, translations and local times depend on, besides the row itself.

    `prefix` is the path that the site is served below ("/app"), `language` and `time_zone` are those of the viewer. An
    empty value is the site's own: no prefix, LANGUAGE_CODE, TIME_ZONE.
    """

    prefix: str = ""
    language: str = ""
    time_zone: str = ""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Read and render in these surroundings, the same in a page as in a push; always with ROOT_URLCONF."""
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
        """The same prefix, and the site's own language and time zone: those of a stream without `localize`."""
        return Surroundings(self.prefix)


SITE = Surroundings()
"""Those of a site that is served below no prefix, in its own language and time zone."""


def make(*, prefix: str = "", language: str | None = "", time_zone: str = "") -> Surroundings:
    """Surroundings in which what is the site's own anyway is empty: who sees the same shares a live query."""
    foreign = bool(language) and language != settings.LANGUAGE_CODE and is_language(str(language))
    moved = time_zone != settings.TIME_ZONE and _zone(time_zone) is not None
    return Surroundings(prefix.rstrip("/"), str(language) if foreign else "", time_zone if moved else "")


def of_page() -> Surroundings:
    """Those of the page that is being rendered, as the request's middleware has set them."""
    return make(
        prefix=get_script_prefix(),
        language=translation.get_language(),
        time_zone=zone_name(timezone.get_current_timezone()),
    )


def is_language(code: str) -> bool:
    """Whether the site can speak this language."""
    return bool(settings.USE_I18N and translation.check_for_language(code))


def zone_name(zone: Any) -> str:
    """A time zone as text that `time_zone` takes: "Europe/Berlin", or "+02:00" for an offset; "" for any other."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # of zoneinfo, of pytz
    if isinstance(name, str):
        return name
    offset = zone.utcoffset(None) if isinstance(zone, fixed_zone) else None
    if offset is None:
        return ""
    sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def _zone(name: str) -> Any:
    """The time zone of this name; None for the site's own, and for a name that is none."""
    if not name:
        return None
    try:
        if name[0] in "+-":
            hours, _, minutes = name[1:].partition(":")
            offset = int(hours) * 60 + int(minutes)
            return timezone.get_fixed_timezone(-offset if name[0] == "-" else offset)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # zoneinfo reads files by that name
        return None
