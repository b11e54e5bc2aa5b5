"""Templates that are edited while the server runs: pages from before and after share no rows."""

import re

from django.contrib.auth.models import AnonymousUser
from django.template import engines
from django.test import RequestFactory

from realtime import ModelStream
from tests.models import Book
from tests.support.streams import registered


class Edited(ModelStream):
    model = Book
    allow_anonymous = True

    def authorize(self, user):
        return True

    def get_queryset(self):
        return Book.objects.order_by("pk")


PAGE = '{% load realtime %}{% live "edited" as book %}<p>TEXT {{ book.title }}</p>{% endlive %}'


def test_each_page_is_sent_rows_of_its_own_version(live, shelf, settings):
    templates: dict[str, str] = {}
    loaders = [("django.template.loaders.locmem.Loader", templates)]
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}
    ]
    book = Book.objects.create(title="a", shelf=shelf)
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    viewers = []
    with registered(edited=Edited):
        for text in ("old", "new"):
            templates["page.html"] = PAGE.replace("TEXT", text)
            html = engines["django"].get_template("page.html").render({}, request)
            format = re.search('data-live-format="([^"]+)"', html)[1]
            viewers.append(live("edited", format=format))
        book.title = "b"
        book.save()
        live.tick()
        for text, viewer in zip(("old", "new"), viewers, strict=True):
            assert f"{text} b" in viewer.rows[0]
