"""Checks of the site: whether the server finds the WebSocket, and whether pages and users may use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter, URLRouter
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from realtime.conf import settings
from realtime.streams.registry import registry
from realtime.transports.websocket import RealtimeConsumer

SCRIPT = "realtime/realtime.js"

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


@register("realtime")
def check_asgi_application(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E010: an ASGI application that cannot be imported. W006: no route to the WebSocket."""
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    if not path:
        return []  # which realtime.E004 tells
    try:
        application = import_string(path)
    except Exception as error:  # whatever the project's module does
        return [
            Error(
                f"ASGI_APPLICATION {path!r} cannot be imported: {type(error).__name__}: {error}.",
                hint="Name the application in your asgi.py. There, get_asgi_application() comes before the import of "
                "realtime.routing, which needs the models.",
                id="realtime.E010",
            )
        ]
    if not isinstance(application, ProtocolTypeRouter):
        application = _unwrapped(application)
    if application is None:
        return []  # of another make, of which nothing can be said
    if not _leads_in(application.application_mapping.get("websocket")):
        return [
            Warning(
                f"The ASGI application {path!r} has no route to the WebSocket of realtime.",
                hint='Put "websocket": URLRouter(websocket_urlpatterns) into its '
                "ProtocolTypeRouter, with websocket_urlpatterns of realtime.routing.",
                id="realtime.W006",
            )
        ]
    return []


def _unwrapped(application: Any) -> ProtocolTypeRouter | None:
    """The router inside of other ASGI middleware, where its attribute has one of the usual names."""
    for _ in range(10):
        names = ("application", "app", "inner", "asgi_app")
        inside = getattr(application, "__dict__", {})
        application = next((inside[name] for name in names if name in inside), None)
        if isinstance(application, ProtocolTypeRouter):
            return application
    return None


def _leads_in(application: Any, *, depth: int = 20) -> bool:
    """Whether a way leads to the consumer of realtime."""
    consumer = getattr(application, "consumer_class", None)
    if isinstance(consumer, type) and issubclass(consumer, RealtimeConsumer):
        return True
    if isinstance(application, URLRouter):
        return any(_leads_in(getattr(route, "callback", None), depth=depth) for route in application.routes)
    inside = getattr(application, "inner", None) or getattr(application, "application", None)
    return inside is not None and depth > 0 and _leads_in(inside, depth=depth - 1)


@register("realtime")
def check_middleware(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W007: requests that do not know their user, by pages and by the HTTP transports."""
    if not apps.is_installed("django.contrib.auth"):
        return []
    missing = [name for name in (SESSION, AUTHENTICATION) if not _has_middleware(name)]
    if not missing:
        return []
    return [
        Warning(
            f"MIDDLEWARE has no {' and no '.join(missing)}: pages and the HTTP transports know no user.",
            hint="Put both into MIDDLEWARE, sessions first.",
            id="realtime.W007",
        )
    ]


def _has_middleware(path: str) -> bool:
    wanted = import_string(path)
    for name in django_settings.MIDDLEWARE:
        try:
            found = import_string(name)
        except ImportError:  # which Django tells
            continue
        if isinstance(found, type) and issubclass(found, wanted):
            return True
    return False


@register("realtime")
def check_origins(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E011: what is no origin. W008: no host. W009: origins whose pages may post, and may not connect."""
    found: list[CheckMessage] = []
    for origin in settings.ALLOWED_ORIGINS:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or "*" in origin:
            found.append(
                Error(
                    f"REALTIME_ALLOWED_ORIGINS has {origin!r}, which is no origin.",
                    hint='An origin is a scheme and a host, such as "https://app.example.org", without wildcards.',
                    id="realtime.E011",
                )
            )
    if not django_settings.ALLOWED_HOSTS and not django_settings.DEBUG:
        found.append(
            Warning(
                "ALLOWED_HOSTS is empty, so no page may connect.",
                hint='Name the hosts of the site: ALLOWED_HOSTS = ["example.org"].',
                id="realtime.W008",
            )
        )
        return found
    listed = {origin.lower().rstrip("/") for origin in settings.ALLOWED_ORIGINS}
    strangers = [origin for origin in django_settings.CSRF_TRUSTED_ORIGINS if not _is_own(origin, listed)]
    if strangers:
        found.append(
            Warning(
                f"Pages of {', '.join(strangers)} may post forms, by CSRF_TRUSTED_ORIGINS, and may not connect.",
                hint="List them in REALTIME_ALLOWED_ORIGINS too, if they show live rows; or silence this.",
                id="realtime.W009",
            )
        )
    return found


def _is_own(origin: str, listed: set[str]) -> bool:
    host = urlsplit(origin.lower()).hostname or ""
    if "*" in host:  # of Django's own making; here each origin is named
        return validate_host(host.removeprefix("*"), django_settings.ALLOWED_HOSTS)
    return origin.lower() in listed or validate_host(host, django_settings.ALLOWED_HOSTS) or django_settings.DEBUG


@register("realtime")
def check_assets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W010: the browser's half is not among the static files. E012: forms that have no address."""
    found: list[CheckMessage] = []
    if not apps.is_installed("django.contrib.staticfiles"):
        found.append(
            Warning(
                "'django.contrib.staticfiles' is not in INSTALLED_APPS: nobody collects the file that "
                "{% realtime_script %} names.",
                hint=f"Install it, or serve {SCRIPT} of the package under STATIC_URL yourself.",
                id="realtime.W010",
            )
        )
    elif finders.find(SCRIPT) is None:
        found.append(
            Warning(
                f"The static file {SCRIPT} is not found.",
                hint='Put "django.contrib.staticfiles.finders.AppDirectoriesFinder" into STATICFILES_FINDERS.',
                id="realtime.W010",
            )
        )
    forms = [stream.__name__ for stream in registry if stream.form_class]
    if forms and getattr(django_settings, "ROOT_URLCONF", None):
        try:
            reverse("realtime:form")
        except NoReverseMatch:
            found.append(
                Error(
                    f"The forms of {', '.join(sorted(forms))} have no address to be sent to.",
                    hint='Put path("realtime/", include("realtime.urls")) into the URLconf.',
                    id="realtime.E012",
                )
            )
    return found
