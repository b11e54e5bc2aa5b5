"""Language and time zone of rows: the site's own, or the viewer's where a stream has `localize`."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import engines
from django.test import override_settings
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone as django_timezone
from django.utils import translation

from realtime import ModelStream
from realtime.auth import tokens
from realtime.auth.authorization import split_fingerprint
from realtime.auth.locale import of_headers, of_viewer
from realtime.queries.page import page_part
from realtime.streams.surroundings import SITE, Surroundings, make, of_page
from tests.models import Shelf
from tests.support.streams import registered

pytestmark = pytest.mark.databases

ROW = "{% load i18n tz %}<li>{% translate 'Monday' %} {% get_current_timezone as zone %}{{ zone }}</li>"
LOCALE = "django.middleware.locale.LocaleMiddleware"


@pytest.fixture
def stream(monkeypatch):
    """The shelves, each in somebody's words."""
    monkeypatch.setattr(
        "realtime.queries.rendering.get_template", lambda name: engines["django"].from_string(ROW), raising=True
    )
    attributes = {"model": Shelf, "template_name": "tests/book.html", "allow_anonymous": True, "localize": True}
    stream = type("Spoken", (ModelStream,), attributes | {"authorize": lambda self, user: True})
    with registered(spoken=stream):
        yield stream


def page(user=None):
    return page_part(user or AnonymousUser(), "spoken", {})


def text(row: str) -> str:
    return row.partition(">")[2].removesuffix("</li>")


class TestRows:
    def test_are_those_of_the_viewer_in_a_page_and_in_a_push(self, live, shelf, stream):
        with translation.override("de"), django_timezone.override("Asia/Tokyo"):
            part = page()
        german = live(stream, format="html", surroundings=Surroundings("", "de", "Asia/Tokyo"))
        own = live(stream, format="html")
        Shelf.objects.update(name="two")
        live.tick()

        assert [text(row) for row in part.rows] == ["Montag Asia/Tokyo"]
        assert [text(row) for row in german.rows] == ["Montag Asia/Tokyo"]
        assert [text(row) for row in own.rows] == ["Monday America/Chicago"]

    def test_are_the_sites_own_without_localize(self, live, shelf, stream):
        stream.localize = False
        with translation.override("de"), django_timezone.override("Asia/Tokyo"):
            part = page()
        pushed = live(stream, format="html", surroundings=Surroundings("", "de", "Asia/Tokyo"))
        assert [text(row) for row in [*part.rows, *pushed.rows]] == ["Monday America/Chicago"] * 2

    def test_page_tells_in_its_token_and_its_view(self, db, shelf, stream):
        with translation.override("de"), django_timezone.override(timezone(timedelta(hours=-3.5))):
            part = page()
        token = tokens.read(part.token, user=None, max_age=60)
        assert token.surroundings == Surroundings("", "de", "-03:30")
        of_format, _ = split_fingerprint(part.fingerprint)
        assert (
            of_format
            == stream({}, None, token.surroundings).format_fingerprint("html")
            != stream({}, None).format_fingerprint("html")
        )


class TestSurroundings:
    def test_what_is_the_sites_own_is_empty(self):
        assert make(prefix="/", language="en-us", time_zone="America/Chicago") == SITE
        assert make(prefix="/app/", language="de", time_zone="UTC") == ("/app", "de", "UTC")

    @pytest.mark.parametrize(
        "zone", ["Nowhere/At all", "../../etc/passwd", "/etc/passwd", "+x", "+99:99", "+99999999999999:0", "-", "a\0b"]
    )
    def test_what_does_not_exist_is_the_sites_own(self, zone):
        assert make(language="tlh", time_zone=zone) == SITE

    def test_all_is_as_it_was_afterwards(self):
        set_script_prefix("/before/")
        try:
            with translation.override("fr"), django_timezone.override("UTC"):
                with Surroundings("/app", "de", "Asia/Tokyo").applied():
                    assert of_page() == ("/app", "de", "Asia/Tokyo")
                assert (of_page(), get_script_prefix()) == (("/before", "fr", "UTC"), "/before/")
        finally:
            set_script_prefix("/")


class TestHandshake:
    def found(self, accept="", prefix="", **cookies):
        return of_headers(prefix=prefix, cookies=cookies, accept_language=accept)

    def test_language_is_that_of_the_middleware(self, settings):
        assert self.found("de", django_language="fr") == SITE  # pages are in LANGUAGE_CODE too
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOCALE]
        assert self.found("de;q=0.9, en;q=0.1").language == "de"
        assert self.found("de", django_language="fr").language == "fr"
        assert self.found("tlh").language == "en"  # Django's own answer for LANGUAGE_CODE

    def test_prefix_is_that_of_the_server_or_the_setting(self):
        assert self.found(prefix="/app").prefix == "/app"
        with override_settings(FORCE_SCRIPT_NAME="/forced"):
            assert self.found(prefix="/app").prefix == "/forced"

    def test_user_and_session_say_it_better_than_the_cookie(self, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOCALE]
        cookie = self.found("de", django_timezone="UTC")
        user = User()
        assert of_viewer(cookie, user, None) == ("", "de", "UTC")
        assert of_viewer(cookie, user, {"django_timezone": "Asia/Tokyo"}) == ("", "de", "Asia/Tokyo")
        user.language, user.timezone = "fr", "Europe/Paris"
        assert of_viewer(cookie, user, {"django_timezone": "Asia/Tokyo"}) == ("", "fr", "Europe/Paris")
