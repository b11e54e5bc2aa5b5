"""Checks of the site and of its databases: what is wrong in a deployment, each with its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.checks import run_checks
from django.db import connections
from django.urls import path

from realtime import ModelStream, checks, checks_databases, checks_site
from realtime.checks_databases import check_connections, connections_needed
from realtime.checks_site import check_asgi_application, check_assets, check_middleware, check_origins
from realtime.routing import websocket_urlpatterns
from realtime.streams.registry import registry
from tests.models import Book

DOCS = (Path(__file__).parents[1] / "docs/reference/checks.md").read_text()


class Outer:
    """Middleware of another package."""

    def __init__(self, app):
        self.app = app


async def consumer(scope, receive, send): ...


ROUTES = URLRouter(websocket_urlpatterns)
NESTED = URLRouter([path("deep/", URLRouter(websocket_urlpatterns)), path("other/", consumer)])
right = ProtocolTypeRouter({"websocket": AuthMiddlewareStack(ROUTES)})
validated = ProtocolTypeRouter({"websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(NESTED))})
wrapped = Outer(Outer(right))
unknown = consumer
no_websocket = ProtocolTypeRouter({"http": consumer})
no_route = Outer(ProtocolTypeRouter({"websocket": AuthMiddlewareStack(URLRouter([path("chat/", consumer)]))}))
plain = ProtocolTypeRouter({"websocket": AllowedHostsOriginValidator(ROUTES)})


def found(messages) -> list[str]:
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("right", []),
        ("validated", []),
        ("wrapped", []),
        ("unknown", []),
        ("no_websocket", ["realtime.W006"]),
        ("no_route", ["realtime.W006"]),
        ("plain", []),
        ("nothing", ["realtime.E010"]),
    ],
)
def test_application(settings, name, ids):
    settings.ASGI_APPLICATION = f"tests.test_checks_site.{name}"
    assert found(check_asgi_application(None)) == ids


def test_application_that_cannot_be_imported_says_why(settings):
    settings.ASGI_APPLICATION = "no.such.application"
    [error] = check_asgi_application(None)
    said = "ASGI_APPLICATION 'no.such.application' cannot be imported: ModuleNotFoundError: No module named 'no'."
    assert (error.msg, "get_asgi_application() comes before" in error.hint) == (said, True)


def test_middleware_that_knows_plain(settings):
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "no.such.Middleware"]
    [warning] = check_middleware(None)
    assert warning.id == "realtime.W007"
    assert warning.msg == (
        "MIDDLEWARE has no django.contrib.auth.middleware.AuthenticationMiddleware: "
        "pages and the HTTP transports know no user."
    )


@pytest.mark.parametrize("origin", ["app.example.org", "https://app.example.org/path", "https://*.example.org", ""])
def test_what_is_no_origin(settings, origin):
    settings.REALTIME_ALLOWED_ORIGINS = [origin]
    assert found(check_origins(None)) == ["realtime.E011"]


def test_no_host(settings):
    settings.ALLOWED_HOSTS = []
    assert found(check_origins(None)) == ["realtime.W008"]


@pytest.mark.parametrize(
    ("trusted", "ids"),
    [
        ("https://example.org", []),
        ("https://www.example.org", []),
        ("https://*.example.org", []),
        ("https://app.example.net:8000", []),
        ("https://elsewhere.example.com", ["realtime.W009"]),
        ("https://*.example.com", ["realtime.W009"]),
    ],
)
def test_origins_that_may_post_and_not_connect(settings, trusted, ids):
    settings.ALLOWED_HOSTS = [".example.org"]
    settings.REALTIME_ALLOWED_ORIGINS = ["https://app.example.net:8000"]
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    assert found(check_origins(None)) == ids


def test_script_that_is_not_found(settings):
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    assert found(check_assets(None)) == ["realtime.W010"]


def test_no_staticfiles(settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "django.contrib.staticfiles"]
    assert found(check_assets(None)) == ["realtime.W010"]


def test_forms_without_an_address(settings):
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    stream = type("Made", (ModelStream,), {"model": Book, "form_class": "tests.forms.BookForm"})
    registry.add("made", stream)
    try:
        [error] = check_assets(None)
    finally:
        registry.remove("made")
    assert error.id == "realtime.E012"
    assert "Made" in error.msg


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"CONN_MAX_AGE": 60}, ["realtime.W011"]),
        ({"CONN_MAX_AGE": None}, ["realtime.W011"]),
        ({"OPTIONS": {"pool": True}}, ["realtime.W012"]),
        ({"OPTIONS": {"pool": {"min_size": 2, "max_size": 8}}}, ["realtime.W012"]),
        ({"OPTIONS": {"pool": {"max_size": 20}}}, []),
    ],
)
def test_connections(monkeypatch, values, ids):
    own = connections["default"].settings_dict
    monkeypatch.setattr(connections["default"], "settings_dict", {**own, "CONN_MAX_AGE": 0, **values})
    assert found(check_connections(None)) == ids


def test_connections_are_those_of_the_settings(settings):
    before = connections_needed()
    settings.REALTIME_THREADS = settings.REALTIME_THREADS + 3 if hasattr(settings, "REALTIME_THREADS") else 7
    assert connections_needed() == before + 3


def test_each_check_stands_in_the_reference():
    sources = [Path(module.__file__).read_text() for module in (checks, checks_site, checks_databases)]
    ids = {id for source in sources for id in re.findall(r'id="(realtime\.[EW]\d{3})"', source)}
    rows = re.findall(r"^\| `(realtime\.[EW]\d{3})` \|", DOCS, re.MULTILINE)
    assert (set(rows), len(rows)) == (ids, len(ids))


@pytest.mark.django_db
def test_test_project_is_right():
    messages = run_checks(tags=["realtime"])
    assert [message for message in messages if message.id != "realtime.W005"] == []
