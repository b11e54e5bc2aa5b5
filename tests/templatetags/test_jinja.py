"""Jinja2: its functions give what the tags give."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.forms import modelform_factory
from django.template import Context, Template
from django.template.backends.jinja2 import Jinja2
from django.test import RequestFactory

from realtime import ModelStream, live_value
from tests.models import Book, Shelf
from tests.support.streams import registered

pytestmark = pytest.mark.django_db

CALLS = {
    '{% live "books" shelf=shelf container="ul" class="a b" %}': (
        '{{ live("books", shelf=shelf, container="ul", class="a b") }}'
    ),
    '{% live_value "counted" "count" %}': '{{ live_value("counted", "count") }}',
    '{% presence "talk" shelf=shelf watch=True %}': '{{ presence("talk", shelf=shelf, watch=True) }}',
    '{% live_unread "news" shelf=shelf class="a" %}': '{{ live_unread("news", shelf=shelf, class="a") }}',
    '{% live_notification_count class="a" %}': '{{ live_notification_count(class="a") }}',
    '{% live_notifications class="a" %}': '{{ live_notifications(class="a") }}',
    '{% live_jobs class="a" %}': '{{ live_jobs(class="a") }}',
    "{% realtime_script share=True %}": "{{ realtime_script(share=True) }}",
    '{% live_actions "books" shelf=shelf %}': '{{ live_actions("books", shelf=shelf) }}',
    '{% live_form "formed" submit="Go" %}': '{{ live_form("formed", submit="Go") }}',
}


@pytest.fixture(autouse=True)
def streams():
    fixed = {"model": Book, "authorize": lambda self, user: True, "authorize_form": lambda self, user, instance: True}
    counted = {"count": live_value(lambda self: Book.objects.count())}
    formed = {"fields": ["id"], "form_class": modelform_factory(Book, fields=["title"])}
    streams = {"counted": fixed | counted, "formed": fixed | formed}
    with registered(**{name: type(name.title(), (ModelStream,), members) for name, members in streams.items()}):
        yield


@pytest.fixture
def engine() -> Jinja2:
    options = {"extensions": ["realtime.jinja.RealtimeExtension"]}
    return Jinja2({"NAME": "jinja2", "DIRS": [], "APP_DIRS": False, "OPTIONS": options})


@pytest.mark.parametrize("tag", CALLS)
def test_function_gives_what_the_tag_gives(engine, tag):
    shelf = Shelf.objects.create(name="one")
    Book.objects.create(shelf=shelf, title="<a>")
    request = RequestFactory().get("/")
    request.user = User.objects.create_user("ann")
    request.META["CSRF_COOKIE"] = "a" * 32

    def html(text: str) -> str:  # tokens differ with each render
        return re.sub(r'(data-live-token|data-realtime-csrf|csrf\w*" value|data-live-cursor)="[^"]*"', r"\1", text)

    expected = Template("{% load realtime %}" + tag).render(Context({"request": request, "shelf": shelf}))
    assert html(engine.from_string(CALLS[tag]).render({"shelf": shelf}, request)) == html(expected)


def test_functions_need_the_extension():
    engine = Jinja2({"NAME": "jinja2", "DIRS": [], "APP_DIRS": False, "OPTIONS": {}})
    with pytest.raises(Exception, match="'live' is undefined"):
        engine.from_string('{{ live("books") }}').render({})
