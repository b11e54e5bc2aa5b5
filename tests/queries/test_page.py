"""Pages: what a template tag leaves in the page is the rows, their cursor, and a token for them."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import PurePath
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.template import Context, Template, TemplateSyntaxError, engines
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe

from realtime import live_value
from realtime.auth import tokens
from realtime.changelog import get_changelog
from realtime.exceptions import BadParameters, Forbidden, StreamDefinitionError, UnknownStream
from realtime.hub import presence_rows
from realtime.hub.presence_rows import Arrival, Who
from realtime.models import Log
from realtime.queries import page, rendering
from realtime.queries.page import page_part
from realtime.streams.registry import registry
from tests.models import Book, Note, Shelf

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.newest]


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf.objects.create(name="one")


@pytest.fixture
def write_row(monkeypatch) -> Callable[[str], None]:
    """Gives the rows of books another template."""

    def write_row(source: str) -> None:
        template = engines["django"].from_string(source)
        for module in (rendering, page):
            monkeypatch.setattr(module, "get_template", lambda name: template)

    return write_row


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def render(source: str, user=None, **context) -> str:
    request = RequestFactory().get("/")
    request.user = user or AnonymousUser()
    return Template("{% load realtime %}" + source).render(Context({"request": request} | context))


def container(source: str, user=None, **context) -> tuple[str, dict[str, str | None]]:
    return Elements(render(source, user, **context)).found[0]


class TestPart:
    def test_rows_stand_at_their_cursor(self, user, shelf):
        Book.objects.create(shelf=shelf, title="a")
        part = page_part(user, "books", {"shelf": str(shelf.pk)})

        assert [row[:3] for row in part.rows] == ["<li"]
        assert part.params == {"shelf": shelf.pk}
        assert get_changelog("default").read(part.cursor, limit=10).changes == []

    def test_position_is_taken_before_the_rows(self, user, shelf, monkeypatch):
        """What is written between the two comes again; the other way round it would be missed."""
        original = type(get_changelog("default")).head

        def head_then_write(self, **options):
            cursor = original(self)
            Book.objects.create(shelf=shelf, title="between")
            return cursor

        monkeypatch.setattr(type(get_changelog("default")), "head", head_then_write)
        assert len(page_part(user, "books", {"shelf": shelf.pk}).rows) == 1

    def test_token_is_for_this_user_and_these_parameters(self, user, shelf):
        part = page_part(user, "books", {"shelf": shelf.pk})
        token = tokens.read(part.token, user=str(user.pk), max_age=60)
        assert token == tokens.Token("books", {"shelf": shelf.pk}, "html", str(user.pk))

    def test_what_the_user_may_not_see_is_an_error(self, user, shelf):
        for who, name, params, error in [
            (user, "shelves", {}, Forbidden),
            (AnonymousUser(), "books", {"shelf": shelf.pk}, Forbidden),
            (user, "nowhere", {}, UnknownStream),
            (user, "books", {}, BadParameters),
        ]:
            with pytest.raises(error):
                page_part(who, name, params)

    def test_stream_without_a_template_says_what_to_do(self, shelf):
        with pytest.raises(StreamDefinitionError) as wrong:
            page_part(AnonymousUser(), "top", {"shelf": shelf.pk})
        assert str(wrong.value) == (
            "The stream 'top' has no template, so it cannot be shown with {% live %}. "
            "Write the row's HTML between {% live ... as row %} and {% endlive %}, or set template_name."
        )


class TestPosition:
    """A page reads where the log stands once, before its first rows."""

    TAGS = '{% live "books" shelf=shelf %}{% live_value "books" "count" shelf=shelf %}{% live "books" shelf=shelf %}'

    @pytest.fixture
    def heads(self, monkeypatch) -> list[str]:
        """The positions that have been read."""
        found: list[str] = []
        original = type(get_changelog("default")).head

        def head(self, **options):
            found.append(original(self, **options))
            return found[-1]

        monkeypatch.setattr(type(get_changelog("default")), "head", head)
        return found

    @staticmethod
    def cursors(html: str) -> list[str]:
        return re.findall('data-live-cursor="([^"]*)"', html)

    @pytest.fixture(autouse=True)
    def counted(self, monkeypatch):
        stream = registry.get("books")
        count = live_value(lambda self: self.get_queryset(**self.params).count())
        monkeypatch.setattr(stream, "count", count, raising=False)

    def test_is_one_for_all_tags(self, user, shelf, heads):
        html = render(self.TAGS, user, shelf=shelf)
        assert (len(heads), self.cursors(html)) == (1, heads * 3)

    def test_costs_the_statements_of_one_head(self, user, shelf):
        def statements(source: str) -> int:
            with CaptureQueriesContext(connection) as captured:
                render(source, user, shelf=shelf)
            return sum(Log._meta.db_table in query["sql"] for query in captured)

        assert statements(self.TAGS) == statements('{% live "books" shelf=shelf %}') == 1

    def test_is_shared_with_what_is_included(self, user, shelf, heads):
        inner = Template("{% load realtime %}" + self.TAGS)
        render(
            "{% include inner %}{% include inner with request=request shelf=shelf only %}" + self.TAGS,
            user,
            shelf=shelf,
            inner=inner,
        )
        assert len(heads) == 1

    def test_is_shared_without_a_request(self, user, shelf, heads):
        inner = Template("{% load realtime %}" + self.TAGS)
        source = "{% load realtime %}" + self.TAGS + "{% include inner %}"
        html = Template(source).render(Context({"user": user, "shelf": shelf, "inner": inner}))
        assert (len(heads), len(self.cursors(html))) == (1, 6)

    @pytest.mark.django_db(transaction=True)  # a log of PostgreSQL has what is committed
    def test_what_is_written_between_two_tags_comes_as_a_change(self, user, shelf, heads):
        def write() -> str:
            Book.objects.create(shelf=shelf, title="between")
            return ""

        html = render('{% live "books" shelf=shelf %}{{ write }}' + self.TAGS, user, shelf=shelf, write=write)
        assert {str(len(get_changelog("default").read(cursor, limit=9).changes)) for cursor in self.cursors(html)} == {
            "1"
        }

    def test_of_another_page_is_another_one(self, user, shelf, heads):
        render(self.TAGS, user, shelf=shelf)
        render(self.TAGS, user, shelf=shelf)
        assert len(heads) == 2

    @pytest.mark.django_db(transaction=True)
    def test_of_another_transaction_is_another_one(self, user, shelf, heads):
        """What a transaction has seen of its own is not there when it is rolled back."""
        request = RequestFactory().get("/")
        request.user = user
        page = Template("{% load realtime %}" + self.TAGS)
        with transaction.atomic():
            Book.objects.create(shelf=shelf, title="undone")
            page.render(Context({"request": request, "shelf": shelf}))
            transaction.set_rollback(True)
        html = page.render(Context({"request": request, "shelf": shelf}))
        Book.objects.create(shelf=shelf, title="after")
        assert len(heads) == 2
        assert [len(get_changelog("default").read(cursor, limit=9).changes) for cursor in self.cursors(html)] == [
            1,
            1,
            1,
        ]

    @pytest.mark.django_db(transaction=True)
    def test_of_another_connection_is_another_one(self, user, shelf, heads):
        """It may not see what this one has written, and not committed."""
        request = RequestFactory().get("/")
        request.user = user
        page_part(user, "books", {"shelf": shelf.pk}, page=request)

        def elsewhere() -> None:
            try:
                page_part(user, "books", {"shelf": shelf.pk}, page=request)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(elsewhere).result()
        page_part(user, "books", {"shelf": shelf.pk}, page=request)
        assert len(heads) == 2


class TestLiveActions:
    def test_element_carries_the_stream_its_parameters_and_their_signature(self, user, shelf):
        tag, attributes = container('<section {% live_actions "books" shelf=shelf %}>', user, shelf=shelf)
        token = tokens.read(attributes["data-live-token"], user=str(user.pk), max_age=60)
        assert token == tokens.Token("books", {"shelf": shelf.pk}, "actions", str(user.pk))
        assert (tag, attributes["data-live-stream"]) == ("section", "books")
        assert json.loads(attributes["data-live-params"]) == {"shelf": shelf.pk}

    def test_what_the_user_may_not_see_is_an_error(self, shelf):
        with pytest.raises(Forbidden):
            render('<p {% live_actions "books" shelf=shelf %}>', shelf=shelf)


class TestLive:
    def test_container_carries_what_the_browser_needs(self, user, shelf):
        book = Book.objects.create(shelf=shelf, title="a")
        html = render('{% live "books" shelf=shelf %}', user, shelf=shelf)
        (tag, attributes), (row_tag, row) = Elements(html).found[:2]

        assert (tag, attributes["data-live"]) == ("div", "books")
        assert json.loads(attributes["data-live-params"]) == {"shelf": shelf.pk}
        assert attributes["data-live-cursor"] == get_changelog("default").head()
        assert tokens.read(attributes["data-live-token"], user=str(user.pk), max_age=60).format == "html"
        assert (row_tag, row["data-live-key"]) == ("li", str(book.pk))

    def test_rows_are_escaped_once(self, user, shelf):
        Book.objects.create(shelf=shelf, title="<script>")
        html = render('{% live "books" shelf=shelf.pk %}', user, shelf=shelf)
        assert "&lt;script&gt;" in html
        assert "<script>" not in html

    def test_container_and_class_are_no_parameters(self, user, shelf):
        source = '{% live "books" shelf=shelf.pk container="ul" class="a \\"b" %}'
        tag, attributes = container(source, user, shelf=shelf)
        assert (tag, attributes["class"]) == ("ul", 'a "b')

    @pytest.mark.parametrize("name", ["input", "BR", "a b", "ul onclick", "", "<b>", "-"])
    def test_container_has_to_hold_rows(self, user, shelf, name):
        with pytest.raises(TemplateSyntaxError) as wrong:
            render('{% live "books" shelf=shelf.pk container=name %}', user, shelf=shelf, name=name)
        assert str(wrong.value) == f"{{% live %}} cannot create a container <{name}>: it cannot contain rows."

    @pytest.mark.parametrize("books", [0, 1])
    def test_rows_that_a_parser_would_move_are_refused_also_while_there_are_none(self, user, shelf, write_row, books):
        write_row("{# a comment #}{% load realtime %}<tr><td>{{ book.title }}</td></tr>")
        Book.objects.bulk_create(Book(shelf=shelf, title=str(n)) for n in range(books))
        with pytest.raises(TemplateSyntaxError) as wrong:
            render('{% live "books" shelf=shelf.pk container="table" %}', user, shelf=shelf)
        assert str(wrong.value) == (
            "{% live %} cannot put rows of the stream 'books' into <table>: they begin with <tr>, and an HTML parser "
            'puts a <tbody> between them. Say container="tbody", and put <table> around the tag.'
        )

    def test_row_counts_the_unread_rows_of_a_key_of_its_own_class(self, user, shelf, write_row, monkeypatch):
        monkeypatch.setattr(Book, "code", PurePath("a"), raising=False)
        write_row('{% load realtime %}<li>{% live_unread "news" shelf=book.code %}</li>')
        Book.objects.create(shelf=shelf, title="one")
        html = render('{% live "books" shelf=shelf.pk %}', user, shelf=shelf)
        assert 'data-live-params="{&quot;shelf&quot;:&quot;a&quot;}"' in html

    def test_row_of_two_elements_is_refused(self, user, shelf, write_row):
        write_row("<!-- a row --> <li>{{ book.title }}</li><li>again</li>")
        Book.objects.create(shelf=shelf, title="one")
        with pytest.raises(StreamDefinitionError) as wrong:
            render('{% live "books" shelf=shelf.pk %}', user, shelf=shelf)
        assert str(wrong.value) == (
            "The template 'tests/book.html' of the stream 'books' has two root elements, <li> and <li>. Give each row "
            "one root element, around all of it: it bears the row's key in the page."
        )

    @pytest.mark.parametrize(
        ("tag", "arguments"),
        [
            ("live", ""),
            ("live_value", '"count"'),
            ("presence", ""),
            ("live_form", ""),
            ("live_actions", ""),
        ],
    )
    def test_tag_in_the_template_of_a_row_is_refused(self, user, shelf, write_row, tag, arguments):
        write_row(f'{{% load realtime %}}<li>{{% {tag} "books" {arguments} shelf=book.shelf_id %}}</li>')
        Book.objects.create(shelf=shelf, title="one")
        with pytest.raises(StreamDefinitionError) as wrong:
            render('{% live "books" shelf=shelf.pk %}', user, shelf=shelf)
        assert str(wrong.value) == (
            f"{{% {tag} %}} stands in 'tests/book.html', the template of a row of the stream 'books'. A row is "
            f"rendered once for all who see it; what {{% {tag} %}} shows is for one user. Put the tag into the page's "
            "template, beside the list; or write the inner rows into the row's template, and name their relation in "
            "`depends_on`."
        )

    @pytest.mark.parametrize("kind", [lambda pk: mark_safe(str(pk)), lazystr, str, int, SimpleNamespace])
    def test_parameter_may_be_whatever_templates_hold(self, user, shelf, kind):
        value = enum.IntEnum("Number", {"ONE": shelf.pk}).ONE if kind is SimpleNamespace else kind(shelf.pk)
        _, attributes = container('{% live "books" shelf=value %}', user, value=value)
        assert attributes["data-live-params"] == f'{{"shelf":{shelf.pk}}}'

    def test_user_without_a_request(self, user, shelf):
        source = '{% load realtime %}{% live "books" shelf=shelf.pk %}'
        html = Template(source).render(Context({"user": user, "shelf": shelf}))
        assert 'data-live="books"' in html

    def test_forbidden_is_raised(self, shelf):
        with pytest.raises(Forbidden):
            render('{% live "books" shelf=shelf.pk %}', shelf=shelf)


class TestScript:
    def test_script_loads_the_module_and_names_the_addresses(self):
        html = re.sub(r' data-realtime-csrf="\w{64}"', ' data-realtime-csrf="…"', render("{% realtime_script %}"))
        assert html == (
            '<script type="module" src="/static/realtime/realtime.js" data-realtime-url="/realtime/ws/"'
            ' data-realtime-http="/realtime/" data-realtime-csrf="…" data-realtime-csrf-cookie="csrftoken"></script>'
        )

    def test_site_without_the_http_transports_names_a_socket_alone(self, settings):
        settings.ROOT_URLCONF = "django.contrib.auth.urls"
        assert render("{% realtime_script %}") == (
            '<script type="module" src="/static/realtime/realtime.js" data-realtime-url="/realtime/ws/"></script>'
        )

    def test_script_names_the_csrf_cookie_and_has_it_set(self, settings):
        settings.CSRF_COOKIE_NAME = "own"
        request = RequestFactory().get("/")
        html = Template("{% load realtime %}{% realtime_script %}").render(Context({"request": request}))
        assert Elements(html).found[0][1]["data-realtime-csrf-cookie"] == "own"
        assert request.META["CSRF_COOKIE_NEEDS_UPDATE"]

    def test_script_carries_the_csrf_token_where_scripts_cannot_read_the_cookie(self, settings):
        settings.CSRF_COOKIE_HTTPONLY = True
        request = RequestFactory().get("/")
        html = Template("{% load realtime %}{% realtime_script %}").render(Context({"request": request}))
        attributes = Elements(html).found[0][1]
        assert len(attributes["data-realtime-csrf"]) == 64
        assert "data-realtime-csrf-cookie" not in attributes

    def test_pages_of_a_session_are_told_that_they_may_share(self):
        def shared(key):
            request = RequestFactory().get("/")
            request.session = SessionStore(key)
            html = Template("{% load realtime %}{% realtime_script share=True %}").render(
                Context({"request": request})
            )
            return Elements(html).found[0][1].get("data-realtime-share")

        assert shared("a" * 32) == shared("a" * 32) != shared("b" * 32)
        assert "a" * 32 not in shared("a" * 32)
        assert shared(None) is None
        assert "share" not in render("{% realtime_script share=True %}")

    def test_page_may_say_where_its_tokens_are(self):
        script = container('{% realtime_script token_url="/token/?a=1&b=2" %}')[1]
        assert script["data-realtime-token-url"] == "/token/?a=1&b=2"
        assert "token-url" not in render("{% realtime_script %}")

    def test_nonce_is_added(self):
        assert container("{% realtime_script %}", csp_nonce='a"b')[1]["nonce"] == 'a"b'

    def test_site_below_a_prefix(self):
        request = RequestFactory().get("/", SCRIPT_NAME="/below")
        html = Template("{% load realtime %}{% realtime_script %}").render(Context({"request": request}))
        assert Elements(html).found[0][1]["data-realtime-url"] == "/below/realtime/ws/"


class TestForgottenScript:
    """While DEBUG is on, rows that no script stands before bring one that looks for it when the page is there."""

    LOOKS = '<script type="module" src="/static/realtime/debug.js"></script>'

    @pytest.mark.parametrize(
        ("debug", "source", "count"),
        [
            (True, "{% live 'books' shelf=shelf %}{% live 'books' shelf=shelf %}", 1),
            (True, "{% presence 'talk' shelf=shelf %}", 1),
            (True, "{% realtime_script %}{% live 'books' shelf=shelf %}", 0),
            (True, "{% live 'books' shelf=shelf %}{% realtime_script %}", 1),
            (False, "{% live 'books' shelf=shelf %}", 0),
        ],
    )
    def test_is_looked_for(self, user, shelf, settings, debug, source, count):
        settings.DEBUG = debug
        assert render(source, user, shelf=shelf).count(self.LOOKS) == count

    def test_with_the_nonce_of_the_page(self, user, shelf, settings):
        settings.DEBUG = True
        html = render("{% live 'books' shelf=shelf %}", user, shelf=shelf, csp_nonce="abc")
        assert '<script type="module" src="/static/realtime/debug.js" nonce="abc"></script>' in html


class TestPresence:
    def test_shows_who_is_there_and_says_that_the_page_is(self, user, shelf):
        stream = registry.get("talk:presence")({"shelf": shelf.pk})
        place = stream.place()
        presence_rows.take_lease("one", seconds=60)
        presence_rows.seat("one", [Arrival(Who(place.key, str(user.pk)), place, {})], [], seconds=60)
        html = render("{% presence 'talk' shelf=shelf class='people' %}", user, shelf=shelf)
        (tag, attributes), (_, row) = Elements(html).found
        assert (tag, attributes["data-live"], attributes["class"]) == ("ul", "talk:presence", "people")
        assert "data-live-presence" in attributes
        assert (row["class"], html.endswith(">ann</li></ul>")) == ("realtime-person", True)

    def test_may_look_on(self, user, shelf):
        _, attributes = container("{% presence 'talk' shelf=shelf watch=True %}", user, shelf=shelf)
        assert "data-live-presence" not in attributes

    def test_of_a_stream_without_it_is_an_error(self, user, shelf):
        with pytest.raises(StreamDefinitionError, match="The stream 'books' has no presence. Set `presence = True`"):
            render("{% presence 'books' shelf=shelf %}", user, shelf=shelf)

    def test_is_for_those_who_may_see_the_stream(self, user, shelf):
        Note.objects.create(text="not ann")
        with pytest.raises(Forbidden):
            render("{% presence 'talk' shelf=shelf %}", user, shelf=shelf)
