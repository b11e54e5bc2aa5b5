"""Locale: the script prefix, language and time zone of a connection, as Django's middleware determines them.

A page has them in its token. This module finds them where there is no page: for rows that a script requests, and for
calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from realtime.conf import has_middleware
from realtime.streams.surroundings import Surroundings, make, zone_name

TIME_ZONE_KEY = "django_timezone"  # in the session or a cookie, as in Django's documentation


def of_headers(*, prefix: str, cookies: Mapping[str, str], accept_language: str) -> Surroundings:
    """Return the surroundings that the headers of a request or a handshake specify."""
    if settings.FORCE_SCRIPT_NAME is not None:
        prefix = settings.FORCE_SCRIPT_NAME
    language = ""
    if settings.USE_I18N and has_middleware(LocaleMiddleware):
        request = HttpRequest()
        request.COOKIES = dict(cookies)
        request.META["HTTP_ACCEPT_LANGUAGE"] = accept_language
        language = translation.get_language_from_request(request)
    return make(prefix=prefix, language=language, time_zone=cookies.get(TIME_ZONE_KEY, ""))


def of_viewer(surroundings: Surroundings, user: Any, session: Any) -> Surroundings:
    """Return the surroundings with the language and time zone of the user or the session, if they have one."""
    language = _text(getattr(user, "language", None))
    zone = getattr(user, "timezone", None) or getattr(user, "time_zone", None)
    zone = _text(zone) or zone_name(zone) or _text(session.get(TIME_ZONE_KEY) if session is not None else None)
    if not language and not zone:
        return surroundings
    return make(
        prefix=surroundings.prefix,
        language=language or surroundings.language,
        time_zone=zone or surroundings.time_zone,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
