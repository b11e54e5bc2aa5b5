"""Checks of the site: ASGI routing, middleware, origins, static files and proxies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter, URLRouter
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Warning
from django.core.handlers.asgi import ASGIHandler
from django.http.request import validate_host
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from realtime.auth.origins import split_http_url
from realtime.checks import register
from realtime.conf import PREFIX, has_middleware, settings
from realtime.connections.transports.websocket import RealtimeConsumer
from realtime.queries.script import REMEDY, SCRIPT, uncollected
from realtime.streams.registry import registry

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


@register()
def check_asgi_application(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E010: an ASGI application that cannot be imported. W006: no WebSocket route. W063: Django's default."""
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    if not path:
        return []  # realtime.E004 reports it
    try:
        application = import_string(path)
    except Exception as error:  # whatever the project's module does
        return [
            Error(
                f"ASGI_APPLICATION {path!r} cannot be imported. {type(error).__name__}: {error}.",
                hint="Set it to the application in your asgi.py. Call get_asgi_application() there before you import "
                "realtime.routing, which needs the models.",
                id="realtime.E010",
            )
        ]
    if not isinstance(application, ProtocolTypeRouter):
        application = _unwrapped(application)
    if application is None:
        return []  # an unknown kind of application
    if isinstance(application, ASGIHandler):
        return [
            Warning(
                f"The ASGI application {path!r} is the default of `startproject`, which does not handle WebSockets.",
                hint='Set ASGI_APPLICATION = "realtime.asgi.application", or wrap yours in asgi.py:\n'
                "    django_application = get_asgi_application()\n"
                "    from channels.routing import ProtocolTypeRouter, URLRouter\n"
                "    from realtime.routing import LongPollMiddleware, websocket_urlpatterns\n"
                "    application = ProtocolTypeRouter({\n"
                '        "http": LongPollMiddleware(django_application),\n'
                '        "websocket": URLRouter(websocket_urlpatterns),\n'
                "    })",
                id="realtime.W063",
            )
        ]
    if not _leads_in(application.application_mapping.get("websocket")):
        return [
            Warning(
                f"The ASGI application {path!r} has no route to realtime's WebSocket.",
                hint='Add "websocket": URLRouter(websocket_urlpatterns) to its '
                "ProtocolTypeRouter; import websocket_urlpatterns from realtime.routing.",
                id="realtime.W006",
            )
        ]
    return []


def _unwrapped(application: Any) -> Any:
    """Return the router or Django's handler inside ASGI middleware that stores it under a common name, or None."""
    for _ in range(10):
        if isinstance(application, ASGIHandler):
            return application
        names = ("application", "app", "inner", "asgi_app")
        inside = getattr(application, "__dict__", {})
        application = next((inside[name] for name in names if name in inside), None)
        if isinstance(application, ProtocolTypeRouter):
            return application
    return None


def _leads_in(application: Any, *, depth: int = 20) -> bool:
    """Return whether the application routes to realtime's consumer."""
    consumer = getattr(application, "consumer_class", None)
    if isinstance(consumer, type) and issubclass(consumer, RealtimeConsumer):
        return True
    if isinstance(application, URLRouter):
        return any(_leads_in(getattr(route, "callback", None), depth=depth) for route in application.routes)
    inside = getattr(application, "inner", None) or getattr(application, "application", None)
    return inside is not None and depth > 0 and _leads_in(inside, depth=depth - 1)


@register()
def check_middleware(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W007: the middleware for sessions or authentication is missing."""
    if not apps.is_installed("django.contrib.auth"):
        return []
    missing = [name for name in (SESSION, AUTHENTICATION) if not has_middleware(import_string(name))]
    if not missing:
        return []
    return [
        Warning(
            f"MIDDLEWARE has no {' and no '.join(missing)}, so pages and HTTP transports see anonymous users only.",
            hint="Add both to MIDDLEWARE, sessions first.",
            id="realtime.W007",
        )
    ]


@register()
def check_origins(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E011: an invalid origin. W008: no allowed hosts. W009: origins that may post but not connect."""
    found: list[CheckMessage] = [
        Error(
            f"REALTIME_ALLOWED_ORIGINS contains {origin!r}, which is not an origin.",
            hint='An origin is a scheme and a host without wildcards, such as "https://app.example.org".',
            id="realtime.E011",
        )
        for origin in settings.ALLOWED_ORIGINS
        if not _is_origin(origin)
    ]
    if not django_settings.ALLOWED_HOSTS and not django_settings.DEBUG:
        found.append(
            Warning(
                "ALLOWED_HOSTS is empty, so no page can connect.",
                hint='List the hosts of the site: ALLOWED_HOSTS = ["example.org"].',
                id="realtime.W008",
            )
        )
        return found
    listed = {origin.lower().rstrip("/") for origin in settings.ALLOWED_ORIGINS}
    strangers = [origin for origin in django_settings.CSRF_TRUSTED_ORIGINS if not _is_own(origin, listed)]
    if strangers:
        found.append(
            Warning(
                f"CSRF_TRUSTED_ORIGINS lets pages of {', '.join(strangers)} post forms, but they cannot connect.",
                hint="If they show live rows, add them to REALTIME_ALLOWED_ORIGINS. Otherwise silence this check.",
                id="realtime.W009",
            )
        )
    return found


def _is_origin(origin: str) -> bool:
    parts = split_http_url(origin)
    return parts is not None and bool(parts.netloc) and not parts.path.strip("/") and "*" not in origin


def _is_own(origin: str, listed: set[str]) -> bool:
    try:
        host = urlsplit(origin.lower()).hostname or ""
    except ValueError:
        return False
    if "*" in host:  # a wildcard, which only Django's setting supports
        return validate_host(host.removeprefix("*"), django_settings.ALLOWED_HOSTS)
    return origin.lower() in listed or validate_host(host, django_settings.ALLOWED_HOSTS) or django_settings.DEBUG


@register()
def check_assets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W010: the script is not a static file. W066: it is not collected. E012: forms without a URL."""
    found: list[CheckMessage] = []
    if not apps.is_installed("django.contrib.staticfiles"):
        found.append(
            Warning(
                "'django.contrib.staticfiles' is not in INSTALLED_APPS, so nothing serves the script of "
                "{% realtime_script %}.",
                hint=f"Add it, or serve the package's {SCRIPT} under STATIC_URL yourself.",
                id="realtime.W010",
            )
        )
    elif finders.find(SCRIPT) is None:
        found.append(
            Warning(
                f"The static file {SCRIPT} is not found.",
                hint='Add "django.contrib.staticfiles.finders.AppDirectoriesFinder" to STATICFILES_FINDERS.',
                id="realtime.W010",
            )
        )
    elif django_settings.STATIC_ROOT and not django_settings.DEBUG and (missing := uncollected()):
        found.append(Warning(missing, hint=REMEDY, id="realtime.W066"))
    forms = [stream.__name__ for stream in registry if stream.form_class]
    if forms and getattr(django_settings, "ROOT_URLCONF", None):
        try:
            reverse("realtime:form")
        except NoReverseMatch:
            found.append(
                Error(
                    f"The forms of {', '.join(sorted(forms))} have no URL to post to.",
                    hint='Add path("realtime/", include("realtime.urls")) to the URLconf.',
                    id="realtime.E012",
                )
            )
    return found


@register(deploy=True)
def check_proxies(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W040: the number of proxies is not set. Needs `--deploy`, since development servers have none."""
    if hasattr(django_settings, f"{PREFIX}TRUSTED_PROXIES"):
        return []
    return [
        Warning(
            "REALTIME_TRUSTED_PROXIES is not set. Behind a proxy, all clients share its address, so limits per "
            "address do not apply.",
            hint="Set it to the number of proxies that append to X-Forwarded-For, or to 0 if there are none.",
            id="realtime.W040",
        )
    ]


@register(deploy=True)
def check_static_root(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W066: STATIC_ROOT is not set. Needs `--deploy`, since some sites serve static files without it."""
    if django_settings.STATIC_ROOT or not apps.is_installed("django.contrib.staticfiles"):
        return []
    missing = uncollected()
    return [Warning(missing, hint=REMEDY, id="realtime.W066")] if missing else []
