"""Names in rows' templates that rows do not have, which Django renders as nothing."""

from __future__ import annotations

import pytest
from django.template import engines
from django.template.backends.jinja2 import Jinja2

from realtime.checks import templates
from realtime.queries import row_templates

OF_PAGES = (
    "A row is rendered once for everyone who sees it, outside of any request. It has: object, book, stream. Let "
    "`audience` return what differs between users, and use stream.audience."
)
OF_FORMS = "Remove it: a row is rendered once for many users. Forms in rows get the token when they are submitted."
OF_LOOPS = "A row is rendered without the others, so it does not know its place. Use CSS, such as :nth-child(even)."
OF_ROWS = "A row template has: object, book, stream."


@pytest.fixture
def check(declared, monkeypatch):
    """`check(source)`: what the checks say of a row's template."""

    def check(source: str, engine=None, **others: str):
        found = {name: engines["django"].from_string(text) for name, text in others.items()}
        found["realtime/form.html"] = (engine or engines["django"]).from_string(source)
        original = row_templates.get_template
        monkeypatch.setattr(row_templates, "get_template", lambda name: found.get(name) or original(name))
        return declared(templates.check_row_templates, template_name="realtime/form.html")

    return check


def said(written: str, hint: str) -> tuple[str, str, str]:
    message = f"The template 'realtime/form.html' of Made uses {written}, which row templates do not have."
    return ("realtime.W065", message, hint)


@pytest.mark.parametrize(
    ("source", "written", "hint"),
    [
        ("<li>{{ user }}", "{{ user }}", OF_PAGES),
        ("<li>{{ request.user.username }}", "{{ request }}", OF_PAGES),
        ("<li>{% if perms.tests.change_book %}x{% endif %}", "{{ perms }}", OF_PAGES),
        ("<li>{% if not book.done and user == book.owner %}x{% endif %}", "{{ user }}", OF_PAGES),
        ("<li>{{ book.title|default:user.username }}", "{{ user }}", OF_PAGES),
        ("<li>{% url 'x' user.pk as link %}{{ link }}", "{{ user }}", OF_PAGES),
        ("<li>{% with who=user %}{{ who }}{% endwith %}", "{{ user }}", OF_PAGES),
        ("<li><form>{% csrf_token %}</form>", "{% csrf_token %}", OF_FORMS),
        ("<li>{{ forloop.counter }}{% for a in book.b %}{{ forloop.last }}{% endfor %}", "{{ forloop }}", OF_LOOPS),
        ("<li class={% cycle 'odd' 'even' %}>", "{% cycle %}", OF_LOOPS),
        ("<li>{% ifchanged book.day %}{{ book.day }}{% endifchanged %}", "{% ifchanged %}", OF_LOOPS),
        ("<li>{{ task.title }}", "{{ task }}", OF_ROWS),
        ("<li>{% for page in pages %}{{ page }}{% endfor %}", "{{ pages }}", OF_ROWS),
    ],
)
def test_name_that_rows_do_not_have(check, source, written, hint):
    assert check(source) == [said(written, hint)]


def test_name_in_a_template_that_is_included_or_extended(check):
    assert check('<li>{% include "part.html" %}', **{"part.html": "{{ user }}"}) == [said("{{ user }}", OF_PAGES)]
    source = '{% extends "base.html" %}{% block title %}{{ book.title }}{% endblock %}'
    others = {"base.html": "<li>{{ request.path }}{% block title %}{% endblock %}"}
    assert check(source, **others) == [said("{{ request }}", OF_PAGES)]


@pytest.mark.parametrize(
    "source",
    [
        "<li>{{ book.title }} {{ object.pk }} {{ stream.audience }} {{ 'user' }} {{ True }}",
        "<li>{% for tag in book.tags.all %}{{ tag }} {{ forloop.counter }}{% endfor %}",
        "<li>{% for key, value in book.pairs %}{{ key }}{{ value }}{% endfor %}",
        "<li>{% with user=book.owner %}{{ user.username }}{% endwith %}",
        '<li>{% url "x" as link %}{{ link }}{% for a in book.b %}{% cycle 1 2 as turn %}{{ turn }}{% endfor %}',
        "<li>{% for a in book.b %}{% ifchanged %}{{ a }}{% endifchanged %}{% endfor %}",
        "<li>{% load i18n %}{% translate 'x' as text %}{{ text }}{% get_current_language as code %}{{ code }}",
        (
            "<li>{% load i18n %}{% blocktranslate with name=book.title count pages=book.pages %}{{ name }}"
            "{% plural %}{{ name }} {{ pages }}{% endblocktranslate %}"
        ),
        "<li>{% load static %}{% static 'x' as image %}{{ image }}{% now 'Y' as year %}{{ year }}",
        "<li>{% regroup book.all by kind as kinds %}{{ kinds }}{% widthratio 1 2 3 as width %}{{ width }}",
    ],
)
def test_name_that_rows_have_or_the_template_makes(check, source):
    assert check(source) == []


def test_jinja2(check):
    engine = Jinja2({"NAME": "jinja2", "DIRS": [], "APP_DIRS": False, "OPTIONS": {}})
    engine.env.loader.get_source = lambda environment, name: (
        "<li>{{ book.title }}{{ user }}{{ range(3) }}",
        None,
        None,
    )
    assert check("<li>{{ user }}", engine) == [said("{{ user }}", OF_PAGES)]
