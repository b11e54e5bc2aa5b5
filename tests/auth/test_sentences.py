"""Messages for users in German, French, Spanish and Portuguese."""

from __future__ import annotations

import gettext
import json
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

import realtime
from realtime.actions.execution import perform
from realtime.auth.identity import Identity
from realtime.auth.sentences import OF_PAGES, SENTENCES, for_pages, localized_reason, translated
from realtime.exceptions import CallTimedOut, Forbidden, GoingAway, SessionEnded
from realtime.protocol.messages import Call
from realtime.streams.surroundings import SITE, Surroundings
from tests.models import Shelf

PACKAGE = Path(realtime.__file__).parent
LANGUAGES = ["de", "es", "fr", "pt"]
GERMAN = Surroundings(language="de")


def catalog(language: str) -> dict[str, str]:
    text = (PACKAGE / f"locale/{language}/LC_MESSAGES/django.po").read_text()
    pairs = re.findall(r'^msgid (".+")\nmsgstr (".*")$', text, re.MULTILINE)
    return {json.loads(original): json.loads(own) for original, own in pairs if original != '""'}


def fields(sentence: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)\w|\{\w+\}", sentence))


@pytest.mark.parametrize("language", LANGUAGES)
class TestCatalog:
    def test_has_each_message_with_its_placeholders(self, language):
        catalogs = catalog(language)
        assert {*SENTENCES, *OF_PAGES} <= set(catalogs)
        assert [original for original, own in catalogs.items() if not own or fields(own) != fields(original)] == []

    def test_is_compiled(self, language):
        with (PACKAGE / f"locale/{language}/LC_MESSAGES/django.mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)._catalog
        assert {original: own for original, own in compiled.items() if original} == catalog(language)

    def test_has_no_unused_message(self, language):
        sources = [path.read_text() for path in PACKAGE.rglob("*.py")]
        sources += [path.read_text() for path in (PACKAGE / "static/realtime").glob("*.js")]
        sources += [path.read_text() for path in (PACKAGE / "templates/realtime").glob("*.html")]
        said = "\n".join(source for source in sources if "SENTENCES = (" not in source)
        assert [each for each in catalog(language) if each not in said] == []


def test_each_message_of_the_script_is_in_the_source():
    sources = (PACKAGE.parent / "browser/src").rglob("*.js")
    said = [text for path in sources for text in re.findall(r'\bsentence\("([^"]+)"', path.read_text())]
    assert set(said) <= set(OF_PAGES)
    assert len(said) >= 3


class TestLocalizedReason:
    def test_message_contains_its_values(self):
        assert localized_reason(CallTimedOut(2.5), GERMAN) == (
            "Die Aktion hat länger als 2.5 Sekunden gedauert und wurde abgebrochen: Sie hatte keine Wirkung."
        )
        assert localized_reason(CallTimedOut(2.5), SITE) == (
            "The action took longer than 2.5 seconds and was cancelled; nothing was saved."
        )

    def test_site_may_have_another_language(self, settings):
        settings.LANGUAGE_CODE = "fr"
        assert localized_reason(GoingAway(), SITE) == "Le serveur s’arrête ; reconnectez-vous."  # noqa: RUF001 - French typography

    def test_language_without_a_catalog_gets_english(self):
        assert (
            localized_reason(GoingAway(), Surroundings(language="pl")) == "The server is restarting; please reconnect."
        )
        assert localized_reason(GoingAway(), Surroundings(language="pt-br")).startswith("O servidor está a parar")

    def test_message_of_the_project_is_unchanged(self):
        assert localized_reason(Forbidden("Nur 100 % Baumwolle."), GERMAN) == "Nur 100 % Baumwolle."

    def test_translated_error_is_equal_otherwise(self):
        error = SessionEnded()
        other = translated(error, GERMAN)
        assert (type(other), other.code, other.retry) == (SessionEnded, error.code, None)
        assert other.reason == "Sie sind nicht mehr so angemeldet wie zuvor."
        assert translated(error, SITE) is error


@pytest.mark.django_db
class TestCall:
    def reply(self, user, action, surroundings=GERMAN, **params):
        identity = Identity(user and str(user.pk), surroundings=surroundings)
        call = Call(id="c1", stream="books", action=action, params=params, args={"title": "a"} if params else {})
        return perform(identity, call).error

    def test_refusal_is_in_the_users_language(self):
        assert self.reply(None, "add", shelf=1).reason == (
            "Sie dürfen den Stream 'books' mit diesen Parametern nicht sehen."
        )

    def test_validation_error_of_django_is_in_the_users_language(self):
        ann = User.objects.create_user("ann")
        shelf = Shelf.objects.create(name="one")
        identity = Identity(str(ann.pk), surroundings=GERMAN)
        call = Call(id="c1", stream="books", action="add", params={"shelf": shelf.pk}, args={"title": ""})
        assert perform(identity, call).error.details == {"title": ["Dieses Feld darf nicht leer sein."]}
        call = Call(id="c2", stream="books", action="add", params={"shelf": shelf.pk}, args={})
        assert perform(identity, call).error.details == {"title": ["Dieses Argument ist erforderlich."]}
        call = Call(
            id="c3", stream="books", action="add", params={"shelf": shelf.pk}, args={"title": "a", "pages": "x"}
        )
        assert perform(identity, call).error.reason == (
            "Die Argumente der Aktion 'add' sind ungültig. pages: Bitte eine ganze Zahl eingeben."
        )


class TestPage:
    def page(self) -> str:
        request = RequestFactory().get("/")
        request.user = AnonymousUser()
        return Template("{% load realtime %}{% realtime_script %}").render(Context({"request": request}))

    def test_contains_the_messages_of_the_script(self):
        with translation.override("es"):
            [carried] = re.findall(r'data-realtime-sentences="(.*?)"', self.page())
            assert json.loads(carried.replace("&quot;", '"').replace("&#x27;", "'")) == for_pages()
            assert set(for_pages()) == set(OF_PAGES)

    def test_contains_none_in_english(self):
        assert "data-realtime-sentences" not in self.page()
