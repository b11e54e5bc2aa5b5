"""Checks of the site and of its databases: what is wrong in a deployment, each with its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.template import Context, Template
from django.urls import path

from realtime import ModelStream, checks
from realtime.capture import access, install
from realtime.checks import site
from realtime.checks.log_databases import check_connections, check_routers, check_tenants, connections_needed
from realtime.checks.site import (
    check_asgi_application,
    check_assets,
    check_middleware,
    check_origins,
    check_static_root,
)
from realtime.queries.script import warn_if_uncollected
from realtime.routing import websocket_urlpatterns
from tests.models import Book
from tests.support.streams import registered

DOCS = (Path(__file__).parents[2] / "docs/reference/checks.md").read_text()


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

startproject = ASGIHandler()
in_middleware = Outer(ASGIStaticFilesHandler(startproject))


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
        ("startproject", ["realtime.W063"]),
        ("in_middleware", ["realtime.W063"]),
    ],
)
def test_application(settings, name, ids):
    settings.ASGI_APPLICATION = f"tests.checks.test_site.{name}"
    assert found(check_asgi_application(None)) == ids


def test_application_of_the_package(settings):
    settings.ASGI_APPLICATION = "realtime.asgi.application"
    assert found(check_asgi_application(None)) == []


def test_application_that_cannot_be_imported_says_why(settings):
    settings.ASGI_APPLICATION = "no.such.application"
    [error] = check_asgi_application(None)
    said = "ASGI_APPLICATION 'no.such.application' cannot be imported. ModuleNotFoundError: No module named 'no'."
    assert (error.msg, "get_asgi_application() there before" in error.hint) == (said, True)


def test_middleware_that_knows_plain(settings):
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "no.such.Middleware"]
    [warning] = check_middleware(None)
    assert warning.id == "realtime.W007"
    assert warning.msg == (
        "MIDDLEWARE has no django.contrib.auth.middleware.AuthenticationMiddleware, "
        "so pages and HTTP transports see anonymous users only."
    )


@pytest.mark.parametrize(
    "origin",
    [
        *("app.example.org", "https://app.example.org/path", "https://*.example.org", ""),
        *("https://[example.org", "https://example.org:99999"),
    ],
)
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
        ("https://[example.com", ["realtime.W009"]),
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
    with registered(made=stream):
        [error] = check_assets(None)
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
    sources = [path.read_text() for path in Path(site.__file__).parent.glob("*.py")]
    ids = {id for source in sources for id in re.findall(r'id="(realtime\.[EW]\d{3})"', source)}
    rows = re.findall(r"^\| `(realtime\.[EW]\d{3})` \|", DOCS, re.MULTILINE)
    assert (set(rows), len(rows)) == (ids, len(ids))


@pytest.mark.django_db
def test_test_project_is_right():
    messages = run_checks(tags=["realtime"])
    assert [message for message in messages if message.id != "realtime.W005"] == []


def test_application_as_startproject_writes_it_says_what_to_write(settings):
    settings.ASGI_APPLICATION = "tests.checks.test_site.startproject"
    [warning] = check_asgi_application(None)
    assert warning.msg == (
        "The ASGI application 'tests.checks.test_site.startproject' is the default of `startproject`, which does not "
        "handle WebSockets."
    )
    assert warning.hint == (
        'Set ASGI_APPLICATION = "realtime.asgi.application", or wrap yours in asgi.py:\n'
        "    django_application = get_asgi_application()\n"
        "    from channels.routing import ProtocolTypeRouter, URLRouter\n"
        "    from realtime.routing import LongPollMiddleware, websocket_urlpatterns\n"
        "    application = ProtocolTypeRouter({\n"
        '        "http": LongPollMiddleware(django_application),\n'
        '        "websocket": URLRouter(websocket_urlpatterns),\n'
        "    })"
    )


class TestStaticFiles:
    REMEDY = "Run `manage.py collectstatic`, and have the web server or WhiteNoise serve STATIC_ROOT under STATIC_URL."

    @pytest.fixture(autouse=True)
    def storage(self, settings, tmp_path):
        settings.STATIC_ROOT = str(tmp_path)  # which has Django make the storage anew

    def test_not_collected(self, settings, tmp_path):
        [warning] = check_assets(None)
        text = f"DEBUG is off and the static file realtime/realtime.js is not in STATIC_ROOT ({tmp_path})."
        assert (warning.id, warning.msg, warning.hint) == ("realtime.W066", text, self.REMEDY)

    def test_collected(self, tmp_path):
        (tmp_path / "realtime").mkdir()
        (tmp_path / "realtime/realtime.js").touch()
        assert check_assets(None) == []

    @pytest.mark.parametrize("name", ["DEBUG", "WHITENOISE_USE_FINDERS"])
    def test_served_from_the_package(self, settings, name):
        setattr(settings, name, True)
        assert check_assets(None) == []

    def test_nowhere_to_collect_them_is_said_before_deployment_and_in_the_log(self, settings, caplog):
        settings.STATIC_ROOT = None
        text = "DEBUG is off and STATIC_ROOT is not set, so nobody serves the static file realtime/realtime.js."
        assert [(each.msg, each.hint) for each in check_static_root(None)] == [(text, self.REMEDY)]
        assert check_assets(None) == []

        warn_if_uncollected.cache_clear()
        for _ in range(2):  # once is enough
            Template("{% load realtime %}{% realtime_script %}").render(Context())
        assert [record.getMessage() for record in caplog.records] == [f"{text} {self.REMEDY}"]


class NotHere:
    """A router which sends other apps' tables elsewhere."""

    def allow_migrate(self, db, app_label, **hints):
        return app_label != "realtime"


def test_other_apps_tests_may_take_realtime_away(settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "realtime"]
    assert check_routers(None) == []


def test_router_that_does_not_allow_the_tables(settings):
    assert check_routers(None) == []
    settings.DATABASE_ROUTERS = [NotHere()]
    assert [(error.id, error.msg, error.hint) for error in check_routers(None)] == [
        (
            "realtime.E065",
            (
                "DATABASE_ROUTERS does not allow the tables of realtime in the database 'default', which has live "
                "models or the users."
            ),
            (
                "Let allow_migrate return True or None for the app label 'realtime' there. Then run "
                "`manage.py migrate --database default`."
            ),
        )
    ]
    assert "realtime.E065" in DOCS


class Elsewhere:
    """A router of a project whose analytics database only production has."""

    def db_for_write(self, model, **hints):
        return "analytics" if model._meta.label == "tests.Book" else None


class OfTheRequest:
    """A router that needs the tenant of a request."""

    def db_for_write(self, model, **hints):
        if model._meta.label == "tests.Book":
            raise LookupError("no tenant")


@pytest.mark.parametrize(
    ("router", "problem"),
    [(Elsewhere, "returns 'analytics', which is not in DATABASES"), (OfTheRequest, "raises LookupError: no tenant")],
)
def test_router_that_cannot_say_where_a_model_is(settings, shelf, router, problem):
    """The app starts, the checks say it, and other models are recorded."""
    settings.DATABASE_ROUTERS = [router()]
    try:
        install.reinstall()
        found = run_checks()
        shelf.save()
    finally:
        settings.DATABASE_ROUTERS = []
        install.reinstall()
    assert [
        (error.id, error.msg, error.hint) for error in found if str(error.id) in ("realtime.E066", "realtime.E067")
    ] == [
        (
            "realtime.E066",
            f"Writes of tests.Book are not recorded, because DATABASE_ROUTERS {problem}.",
            "Let `db_for_write` return an alias of DATABASES, even outside of requests.",
        )
    ]
    assert "realtime.E066" in DOCS


def test_a_check_that_fails_itself_stops_no_other(monkeypatch, caplog):
    def check(**kwargs):
        raise KeyError("of the project")

    monkeypatch.setitem(checks._checks, ((), False), [check, *checks._checks[(), False]])
    others = {error.id for error in run_checks()} - {"realtime.E067"}
    [found] = [error for error in run_checks() if error.id == "realtime.E067"]
    assert found.msg == "The check check failed: KeyError: 'of the project'"
    assert caplog.records[0].exc_info
    monkeypatch.undo()
    assert others == {error.id for error in run_checks()}
    assert "realtime.E067" in DOCS


@pytest.mark.parametrize("limits", [5, {"rows": "many"}])
def test_wrong_limits_are_all_that_is_said_of_them(settings, limits):
    settings.REALTIME_LIMITS = limits
    assert {str(error.id) for error in run_checks() if "LIMITS" in error.msg} == {"realtime.E003"}
    assert "realtime.E067" not in {error.id for error in run_checks()}


@pytest.mark.parametrize("engine", ["no.such.engine", "json"])
def test_session_engine_that_cannot_be_imported_does_not_stop_the_start(settings, engine):
    settings.SESSION_ENGINE = engine
    access.install()


@pytest.mark.parametrize("package", ["django_tenants", "django_pgschemas", "tenant_schemas"])
def test_database_with_a_schema_for_each_tenant(monkeypatch, package):
    engine = f"{package}.postgresql_backend"
    monkeypatch.setitem(connections["default"].settings_dict, "ENGINE", engine)
    assert [(error.id, error.msg, error.hint) for error in check_tenants(None)] == [
        (
            "realtime.E064",
            (
                f"The database 'default' uses the engine '{engine}', which selects a schema per request. realtime "
                "reads its log outside of requests, so it has no tenant: pages stay `catching-up`."
            ),
            "Keep live models in a database without tenants. Tenant schemas are not supported yet.",
        )
    ]
