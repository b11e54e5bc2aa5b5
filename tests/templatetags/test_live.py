"""`{% live %}` with the HTML of a row between it and `{% endlive %}`."""

from __future__ import annotations

import re
from html import unescape

import django
import pytest
from django.contrib.auth.models import User
from django.template import TemplateSyntaxError, engines
from django.test import RequestFactory

from realtime import ModelStream
from realtime.auth import tokens
from realtime.auth.authorization import open_stream
from realtime.exceptions import StreamDefinitionError, TokenInvalid
from realtime.queries.formats import live_query
from realtime.streams.registry import registry
from tests.models import Answer, Book, Shelf
from tests.support.streams import registered

pytestmark = pytest.mark.django_db

TAGS = "realtime.templatetags.realtime"
ROW = "<li>{{ book.title }}</li>"
BLOCK = "{% block main %}{% endblock %}"
BOOKS = '{% live "books" shelf=1 as book %}<li>{{ book.title }}</li>{% endlive %}'
SHORT = '{% live "books" shelf=1 as b %}<p>{{ b.pages }}</p>{% endlive %}'


class Site:
    """Pages by name, which the test writes."""

    def __init__(self, settings, user: User) -> None:
        self._settings = settings
        self.user = user

    def write(self, overridden: dict[str, str] | None = None, /, **pages: str) -> None:
        folders = [{f"{name}.html": text for name, text in each.items()} for each in (pages, overridden or {})]
        locmem = [("django.template.loaders.locmem.Loader", each) for each in folders]
        loaders = [("django.template.loaders.cached.Loader", locmem)]
        backend = "django.template.backends.django.DjangoTemplates"
        self._settings.TEMPLATES = [{"BACKEND": backend, "OPTIONS": {"loaders": loaders, "builtins": [TAGS]}}]

    def show(self, page: str = "page", **context: object) -> str:
        request = RequestFactory().get("/")
        request.user = self.user
        return str(engines["django"].get_template(f"{page}.html").render(context, request))

    def pushed(self, html: str) -> list[list[str]]:
        """The rows that another process renders for each list of a page."""
        found = []
        for text in re.findall('data-live-token="([^"]*)"', html):
            token = tokens.read(text, user=str(self.user.pk), max_age=60)
            stream = open_stream(self.user, token.stream, token.params, token.surroundings)
            with stream.surroundings.applied():
                found.append(list(live_query(stream, token.format).rows().values()))
        return found


@pytest.fixture
def site(settings) -> Site:
    Shelf.objects.create(pk=1, name="one")
    for title in ("Emma", "Ulysses"):
        Book.objects.create(shelf_id=1, title=title, pages=len(title))
    return Site(settings, User.objects.create_user("ann"))


def titles(*names: str) -> list[str]:
    return [f'<li data-live-key="{Book.objects.get(title=name).pk}">{name}</li>' for name in names]


def attributes(html: str) -> str:
    return re.sub(r'(data-live-(?:format|params|cursor|fingerprint|token))="[^"]*"', r"\1", html)


class TestRows:
    def test_stand_where_the_page_has_them(self, site):
        site.write(page=f"<ul>{BOOKS}</ul>")
        one, two = titles("Emma", "Ulysses")
        assert attributes(site.show()) == (
            f'<ul>{one}\n{two}<template data-live="books" data-live-format data-live-params data-live-cursor'
            " data-live-fingerprint data-live-token></template></ul>"
        )

    def test_stand_in_a_container_where_the_tag_names_one(self, site):
        site.write(page=BOOKS.replace("as book", 'as book container="ul" class="a"'))
        assert re.fullmatch(r'<ul data-live="books" .* class="a"><li .*</li></ul>', site.show(), re.DOTALL)

    @pytest.mark.parametrize(
        "pages",
        [
            {"page": BOOKS},
            {"page": "{% extends 'base.html' %}{% block main %}" + BOOKS + "{% endblock %}", "base": BLOCK},
            {"page": "{% extends 'base.html' %}", "base": "{% block main %}" + BOOKS + "{% endblock %}"},
            {"page": "{% include 'part.html' %}", "part": BOOKS},
            {"page": "{% include 'part.html' only %}", "part": BOOKS},
            {"page": "{% for each in '12' %}{% if each == '2' %}" + BOOKS + "{% endif %}{% endfor %}"},
            {"page": BOOKS.replace(ROW, "{% include 'row.html' %}"), "row": ROW},
            pytest.param(
                {"page": "{% partialdef list inline %}" + BOOKS + "{% endpartialdef %}"},
                marks=pytest.mark.skipif(django.VERSION < (6,), reason="Django 6 has partials."),
            ),
        ],
        ids=["page", "block", "base", "include", "only", "nested", "row", "partial"],
    )
    def test_are_the_same_in_a_push(self, site, pages):
        site.write(**pages)
        html = site.show()
        site.write(**pages)  # another process, which has not rendered the page
        assert site.pushed(html) == [titles("Emma", "Ulysses")]

    @pytest.mark.parametrize("own", ["", BOOKS.replace("li>", "b>")], ids=["", "the same tag"])
    def test_of_a_template_that_another_of_its_name_extends_are_found(self, site, own):
        page = "{% extends 'page.html' %}{% block main %}" + own + "{% endblock %}"
        overridden = {"page": BLOCK + BOOKS}
        site.write(overridden, page=page)
        html = site.show()
        site.write(overridden, page=page)
        *others, rows = site.pushed(html)
        assert rows == titles("Emma", "Ulysses")
        assert [each[0][:3] for each in others] == ["<b "] * bool(own)

    def test_of_two_lists_of_one_stream_have_their_own_html(self, site):
        site.write(page=BOOKS + SHORT + BOOKS.replace("li>", "b>"))
        lists = site.pushed(site.show())
        assert [re.sub(r" [^>]*", "", rows[0]) for rows in lists] == ["<li>Emma</li>", "<p>4</p>", "<b>Emma</b>"]

    def test_have_the_stream(self, site):
        site.write(page=BOOKS.replace("{{ book.title }}", "{{ stream.params.shelf }}"))
        assert ">1</li>" in site.show()

    def test_need_no_template_of_the_stream(self, site):
        site.write(page='{% live "bare" as shelf %}<li>{{ shelf.name }}</li>{% endlive %}')
        attributes = {"model": Shelf, "authorize": lambda self, user: True}
        with registered(bare=type("Bare", (ModelStream,), attributes)):
            assert ">one</li>" in site.show()

    def test_may_be_those_of_a_stream_that_the_view_names(self, site):
        site.write(page="{% live name shelf=1 as book %}<li>{{ book.title }}</li>{% endlive %}")
        assert site.pushed(site.show(name="books")) == [titles("Emma", "Ulysses")]


class TestEdits:
    """The template is edited while the page is open."""

    def fingerprint(self, html: str) -> str:
        return re.findall('data-live-fingerprint="([^".]*)', html)[0]

    def test_rows_are_those_of_the_new_template(self, site):
        site.write(page=f"<h1>Books</h1>{BOOKS}")
        html = site.show()
        site.write(page=SHORT + BOOKS.replace("li>", "b>"))
        assert [row[:3] for row in site.pushed(html)[0]] == ["<b ", "<b "]
        assert self.fingerprint(html) != self.fingerprint(site.show().partition("</template>")[2])

    def test_rows_that_are_gone_end_the_list(self, site):
        site.write(page=BOOKS)
        html = site.show()
        site.write(page=SHORT.replace('"books"', "'books'"))
        with pytest.raises(TokenInvalid, match="The template 'page.html' has changed since"):
            site.pushed(html)

    def test_rows_of_one_stream_are_not_those_of_another(self, site):
        site.write(page=BOOKS)
        format = unescape(re.findall('data-live-format="([^"]*)', site.show())[0])
        assert open_stream(site.user, "books", {"shelf": 1}).serves(format)
        with pytest.raises(TokenInvalid, match="not issued by this server"):
            open_stream(site.user, "priced", {"shelf": 1}).serves(format)


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "written", "hint"),
        [
            ("{{ user }}", "{{ user }}", "Let `audience` return what differs between users, and use stream.audience."),
            ("{% csrf_token %}", "{% csrf_token %}", "Forms in rows get the token when they are submitted."),
            ("{{ project.name }}", "{{ project }}", "a parameter of the stream, such as stream.params.project."),
            ("{% if project %}x{% endif %}", "{{ project }}", "Read a field or a relation of book"),
            ("{% include 'row.html' %}", "{{ project }}", "It has: book, stream."),
            ("{{ forloop.counter }}", "{{ forloop }}", "Use CSS, such as :nth-child(even)."),
            ("{% cycle 'a' 'b' %}", "{% cycle %}", "Use CSS, such as :nth-child(even)."),
            ("{{ object.title }}", "{{ object }}", "It has: book, stream."),
            ("{% querystring page=2 %}", "{% querystring %}", "outside of any request."),
        ],
    )
    def test_name_from_outside_is_named(self, site, body, written, hint):
        site.write(page=BOOKS.replace("{{ book.title }}", body), row="{{ project.name }}")
        with pytest.raises(StreamDefinitionError) as refused:
            site.show(project={"name": "One"})
        sentence = f"The rows of {{% live \"books\" as book %}} in 'page.html' use {written}, which rows do not have."
        assert refused.value.message == sentence
        assert hint in refused.value.hint

    def test_name_that_the_row_makes_is_none_from_outside(self, site):
        loop = "{% for tag in book.tags.all %}{{ forloop.counter }}{% cycle 'a' 'b' %}{% endfor %}"
        site.write(page=BOOKS.replace(ROW, f"<li>{loop}{{% with x=book.pk %}}{{{{ x }}}}{{% endwith %}}</li>"))
        assert site.show(x=1)

    @pytest.mark.parametrize("part", ["{{ book.title }}{{ mark|default:'' }}", "{{ book.title }}{{ theme }}"])
    def test_name_that_an_included_template_does_without_is_none_from_outside(self, site, part):
        only = " only" if "theme" in part else ""
        site.write(page=BOOKS.replace(ROW, f"{{% include 'row.html' with book=book{only} %}}"), row=f"<li>{part}</li>")
        assert site.pushed(site.show(theme=1)) == [titles("Emma", "Ulysses")]

    def test_text_for_an_empty_list_may_use_the_page(self, site):
        Book.objects.all().delete()
        site.write(page=BOOKS.replace("{% endlive %}", "{% empty %}<li>{{ project }}: none</li>{% endlive %}"))
        assert "<li data-live-empty>One: none</li>" in site.show(project="One")

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            (
                '{% live "books" shelf=1 as book %}{% block row %}<li></li>{% endblock %}{% endlive %}',
                (
                    '{% block %} stands between {% live "books" shelf=1 as book %} and {% endlive %}: a template that '
                    "extends this one cannot change live rows. Put the block around the {% live %} tag."
                ),
            ),
            ('{% live "books" as %}', '{% live ... as %} needs a name for the row: {% live "tasks" as task %}.'),
            ("{% live 'books' as stream %}", "{% live ... as stream %} needs another name: rows already have stream."),
            ("{% live shelf=1 %}", '{% live %} needs the name of a stream: {% live "tasks" %}.'),
            ('{% live "books" 1 %}', "{% live %} takes keywords after the stream's name, not 1."),
        ],
    )
    def test_tag_that_cannot_be_read(self, site, source, sentence):
        site.write(page=source)
        with pytest.raises(TemplateSyntaxError) as wrong:
            site.show()
        assert str(wrong.value).endswith(sentence)  # Django 6 names the template before it

    @pytest.mark.parametrize(
        "tag", ["autoescape off", 'language "de"', "localize off", "localtime off", "timezone 'UTC'"]
    )
    def test_tag_around_rows_that_changes_how_they_look(self, site, tag):
        name, _ = tag.split()
        otherwise = ", or set localize = True on the stream" if name in ("language", "timezone") else ""
        load, begin, end = "{% load i18n l10n tz %}", f"{{% {tag} %}}", f"{{% end{name} %}}"
        site.write(page=load + begin + BOOKS + end)
        with pytest.raises(StreamDefinitionError) as refused:
            site.show()
        assert str(refused.value) == (
            f"{{% {tag} %}} stands around {{% live \"books\" as book %}} in 'page.html', but rows are rendered again "
            f"without it. Put {{% {name} %}} and its end between {{% live %}} and {{% endlive %}}{otherwise}."
        )
        site.write(page=load + BOOKS.replace(ROW, f"<li>{begin}{{{{ book.title }}}}{end}</li>"))
        assert site.pushed(site.show()) == [titles("Emma", "Ulysses")]

    @pytest.mark.parametrize("tag", ["autoescape on", "localize on", "localize"])
    def test_tag_around_rows_that_changes_nothing(self, site, tag):
        site.write(page=f"{{% load l10n %}}{{% {tag} %}}{BOOKS}{{% end{tag.split()[0]} %}}")
        assert site.pushed(site.show()) == [titles("Emma", "Ulysses")]

    @pytest.mark.parametrize(
        ("tag", "shown"),
        [("language 'de'", "get_current_language"), ("timezone 'Asia/Tokyo'", "get_current_timezone")],
    )
    def test_tag_around_rows_of_a_localized_stream_reaches_them(self, site, monkeypatch, tag, shown):
        monkeypatch.setattr(registry.get("books"), "localize", True)
        name, value = tag.replace("'", "").split()
        row = BOOKS.replace("{{ book.title }}", f"{{% {shown} as now %}}{{{{ now }}}}")
        site.write(page=f"{{% load i18n tz %}}{{% {tag} %}}{row}{{% end{name} %}}")
        html = site.show()
        assert f">{value}</li>" in html
        [rows] = site.pushed(html)
        assert [row.partition(">")[2] for row in rows] == [f"{value}</li>"] * 2

    def test_queryset_is_no_stream(self, site):
        site.write(page="{% live books as book %}<li>{{ book.title }}</li>{% endlive %}")
        with pytest.raises(StreamDefinitionError) as refused:
            site.show(books=Book.objects.all())
        assert str(refused.value) == (
            '{% live %} was given a QuerySet of Book, and needs the name of a stream. Write register("books", Book) '
            "into the streams.py of an app, or a class with this QuerySet in get_queryset, and "
            '{% live "books" as book %} here. Processes that write need to know which models are live, and access is '
            "checked again while the page is open."
        )

    def test_class_needs_a_container(self, site):
        site.write(page=BOOKS.replace("as book", 'as book class="a"'))
        with pytest.raises(TemplateSyntaxError, match="takes class only with container"):
            site.show()

    def test_template_without_a_name_cannot_be_found_again(self, site):
        template = engines["django"].from_string("{% load realtime %}" + BOOKS)
        request = RequestFactory().get("/")
        request.user = site.user
        with pytest.raises(StreamDefinitionError) as refused:
            template.render({"request": request})
        assert str(refused.value) == (
            'The rows of {% live "books" as book %} in a template without a name cannot be loaded again. '
            "Put the tag into a template that Django loads by this name, or give the stream a template_name."
        )


class TestEmptyList:
    @pytest.mark.parametrize(
        ("row", "text", "shown"),
        [
            ("<li></li>", "<li class='none'>No</li>", "<li data-live-empty class='none'>No</li>"),
            ("<li></li>", "None <b>yet</b>", "<li data-live-empty>None <b>yet</b></li>"),
            ("<tr><td></td><th></th></tr>", "None", '<tr data-live-empty><td colspan="2">None</td></tr>'),
            ("<tr><td></td></tr>", "<p>No</p>", '<tr data-live-empty><td colspan="1"><p>No</p></td></tr>'),
            ("<tr><td></td></tr>", "<tr><td>No", "<tr data-live-empty><td>No"),
            ("<option></option>", "None", "<option data-live-empty disabled>None</option>"),
            ("<div></div>", "<p>a</p><p>b</p>", "<div data-live-empty><p>a</p><p>b</p></div>"),
            ("<a></a>", "None", "<span data-live-empty>None</span>"),
            ("{% include 'row.html' %}", "None", "<li data-live-empty>None</li>"),
        ],
    )
    def test_text_is_one_element_that_stays_in_its_place(self, site, row, text, shown):
        site.write(
            page=f'{{% live "books" shelf=1 as book %}}{row}{{% empty %}} {text} {{% endlive %}}', row="<li></li>"
        )
        with_rows = site.show()
        Book.objects.all().delete()
        html = site.show()
        assert html.startswith(f'{shown}<template data-live="books"')
        for each in (html, with_rows):
            assert [unescape(text) for text in re.findall('data-live-when-empty="([^"]*)"', each)] == [shown]

    def test_table_without_rows_gets_a_body(self, site):
        Book.objects.all().delete()
        site.write(page='<table>{% live "books" shelf=1 as book %}<tr><td></td></tr>{% endlive %}</table>')
        assert ' data-live-in="tbody"></template></table>' in site.show()


def test_a_live_text_of_another_object_does_not_grow_in_the_row(site):
    answer = Answer.objects.create(shelf=Shelf.objects.get(), text="<a>")
    row = '<li>{% live_text a "text" %}{% live_text a.shelf "name" container="b" class="c" %}</li>'
    site.write(page='{% live "answers" shelf=a.shelf_id as a %}' + row + "{% endlive %}")
    assert '<span data-live-text="text">&lt;a&gt;</span><b class="c">one</b>' in site.show(a=answer)


@pytest.mark.parametrize(("query", "values"), [("tags=ink&tags=pen&q=1", "ink pen "), ("q=1", ""), (None, "")])
def test_getlist_returns_all_values_of_one_name(query, values):
    template = engines["django"].from_string(
        '{% load realtime %}{% for tag in request.GET|getlist:"tags" %}{{ tag }} {% endfor %}'
    )
    request = None if query is None else RequestFactory().get(f"/?{query}")
    assert template.render({}, request) == values
