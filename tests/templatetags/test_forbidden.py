"""Pages that show what their visitor may not see: 403, or the login page, and never a traceback."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path

from realtime import ModelStream, live_value
from tests.models import Shelf
from tests.support.streams import registered

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

TAGS = {
    "live": '{% live "books" shelf=1 %}',
    "live-value": '{% live_value "books" "count" shelf=1 %}',
    "presence": '{% presence "closed" %}',
    "live-actions": '<p {% live_actions "books" shelf=1 %}></p>',
    "live-form": '{% live_form "books" shelf=1 %}',
}


CHOICE = '{% live_value "picky" "number" least=request.GET.least %}'


class Picky(ModelStream):
    """Shelves from a key on."""

    model = Shelf
    fields = ["id"]

    def authorize(self, user, least):
        return True

    def get_queryset(self, least: int = 0):
        if least < 0:
            raise ValidationError({"least": "At least 0."})
        return Shelf.objects.filter(pk__gte=least)

    @live_value
    def number(self):
        return self.get_queryset(**self.params).count()


def choice(request: WSGIRequest) -> HttpResponse:
    return HttpResponse(Template("{% load realtime %}" + CHOICE).render(RequestContext(request)))


def page(request: WSGIRequest, tag: str) -> HttpResponse:
    return HttpResponse(Template("{% load realtime %}" + TAGS[tag]).render(RequestContext(request)))


urlpatterns = [path("choice/", choice), path("<str:tag>/", page), path("realtime/", include("realtime.urls"))]


@pytest.fixture
def closed():
    attributes = {"model": Shelf, "fields": ["id"], "presence": True, "authorize": lambda self, user: False}
    with registered(closed=type("Closed", (ModelStream,), attributes)):
        yield


@pytest.mark.parametrize("tag", TAGS)
def test_visitor_is_forbidden(client, closed, tag):
    assert client.get(f"/{tag}/").status_code == 403


def test_user_is_forbidden(client, closed):
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/presence/").status_code == 403


@pytest.mark.parametrize("tag", TAGS)
def test_visitor_is_sent_to_the_login_page(client, closed, settings, tag):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "realtime.middleware.LoginRedirectMiddleware"]
    response = client.get(f"/{tag}/?page=2")
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next=/{tag}/%3Fpage%3D2")


def test_another_login_does_not_help_a_user(client, closed, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "realtime.middleware.LoginRedirectMiddleware"]
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/presence/").status_code == 403


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("?least=", 200), ("?least=2", 200), ("?least=x", 400), ("?least=-1", 400)]
)
def test_choice_that_a_stream_does_not_take_is_a_bad_request(client, query, status):
    client.force_login(User.objects.create_user("ann"))
    with registered(picky=Picky):
        assert client.get(f"/choice/{query}").status_code == status
