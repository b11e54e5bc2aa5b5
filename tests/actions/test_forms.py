"""Forms: rows are made and changed through Django's validation, by whom the stream allows, and never unseen."""

from __future__ import annotations

import re

import msgspec
import pytest
from django import forms
from django.contrib.auth.models import Permission, User
from django.template import Context, Template
from django.test import Client, RequestFactory

from realtime import ModelStream
from realtime.actions.execution import perform
from realtime.actions.forms import find, version_of
from realtime.auth import tokens
from realtime.auth.identity import Identity
from realtime.checks.setup import check_streams
from realtime.exceptions import Forbidden, StreamDefinitionError
from realtime.protocol.messages import Call
from tests.models import Book, Shelf, Tag
from tests.support.streams import registered

pytestmark = pytest.mark.django_db

STALE = "Someone else has changed this. Save again to overwrite it."


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "pages", "shelf", "tags"]

    def clean(self):
        if self.cleaned_data.get("title") == "Necronomicon":
            raise forms.ValidationError("Not this one.")


class Writing(ModelStream):
    """The books of a shelf that is not locked, for its members to write."""

    model = Book
    fields = ["id"]
    form_class = BookForm
    partition_by = ["shelf"]

    def authorize(self, user, shelf):
        return not Shelf.objects.filter(pk=shelf, name="locked").exists()

    def authorize_form(self, user, instance):
        return user.username == "ann" and (instance is None or instance.title != "sealed")

    def get_queryset(self, shelf: int):
        return Book.objects.filter(shelf=shelf).order_by("title")


class Permitted(Writing):
    authorize_form = ModelStream.authorize_form


class Sliced(Writing):
    def get_queryset(self, shelf: int):
        return super().get_queryset(shelf)[:1]


class Closed(Writing):
    form_class = None


class Tagged(Writing):
    def authorize(self, user, shelf, tags):
        return super().authorize(user, shelf)

    def get_queryset(self, shelf: int, tags: tuple[int, ...] = ()):
        rows = super().get_queryset(shelf)
        return rows.filter(tags__in=tags) if tags else rows


STREAMS = {"writing": Writing, "permitted": Permitted, "sliced": Sliced, "closed": Closed, "tagged": Tagged}


@pytest.fixture(autouse=True)
def streams(settings):
    settings.ROOT_URLCONF = "tests.form_urls"
    with registered(**STREAMS):
        yield


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def book(shelf) -> Book:
    return Book.objects.create(shelf=shelf, title="Dune", pages=400)


@pytest.fixture
def call(ann, shelf):
    numbers = iter(range(1000))

    def call(action, user=None, stream="writing", **args):
        identity = Identity(str((user or ann).pk))
        message = Call(id=f"c{next(numbers)}", stream=stream, action=action, params={"shelf": shelf.pk}, args=args)
        wire = msgspec.json.decode(msgspec.json.encode(perform(identity, message)))
        return wire.get("result") or wire["error"]

    return call


def version(book: Book, ann: User) -> str:
    stream = Writing({"shelf": book.shelf_id})
    return version_of(stream, stream.get_form(ann, instance=find(stream, book.pk), data=None))


def data(book: Book, **changes) -> dict:
    return {"title": book.title, "pages": book.pages, "shelf": book.shelf_id, "tags": []} | changes


class TestCreate:
    def test_makes_a_row_with_all_that_the_form_has(self, call, shelf):
        tags = [str(Tag.objects.create(name=name).pk) for name in "ab"]
        result = call("create", data={"title": "Dune", "pages": "400", "shelf": str(shelf.pk), "tags": tags})
        book = Book.objects.get(pk=result["pk"])
        assert (book.title, book.pages, book.shelf, book.tags.count()) == ("Dune", 400, shelf, 2)

    def test_errors_land_at_their_fields(self, call):
        error = call("create", data={"title": "", "pages": "many", "shelf": "0"})
        assert (error["code"], sorted(error["details"])) == (4216, ["pages", "shelf", "tags", "title"])
        assert error["details"]["title"] == ["This field is required."]

    def test_errors_of_the_whole_have_no_name(self, call, shelf):
        tag = Tag.objects.create(name="a").pk
        error = call("create", data={"title": "Necronomicon", "pages": 1, "shelf": shelf.pk, "tags": tag})
        assert error["details"] == {"": ["Not this one."]}

    @pytest.mark.parametrize("value", [{}, [[]], [{"a": 1}]])
    def test_a_value_that_no_form_has_is_refused(self, call, value):
        assert call("create", data={"title": value})["details"] == {"title": ["This value has the wrong type."]}

    def test_is_refused_where_the_stream_does_not_allow_it(self, call):
        error = call("create", user=User.objects.create_user("eve"), data={})
        assert (error["code"], error["reason"]) == (4214, "You do not have permission to add this row.")

    def test_needs_django_s_permission_where_the_stream_says_nothing(self, call, ann):
        assert call("create", stream="permitted", data={})["code"] == 4214
        ann.user_permissions.add(Permission.objects.get(codename="add_book", content_type__app_label="tests"))
        assert call("create", stream="permitted", data={})["code"] == 4216

    def test_a_row_cannot_be_put_where_its_maker_may_not_see_it(self, call, book, ann):
        locked = Shelf.objects.create(name="locked")
        tag = Tag.objects.create(name="a").pk
        error = call("create", data=data(book, shelf=locked.pk, tags=[tag]))
        assert (error["code"], error["reason"]) == (4214, "You do not have permission to move this row there.")
        assert not Book.objects.filter(shelf=locked).exists()

    def test_a_stream_without_a_form_has_no_such_action(self, call):
        assert call("create", stream="closed", data={})["code"] == 4215


class TestUpdate:
    @pytest.fixture(autouse=True)
    def tagged(self, book):
        book.tags.add(Tag.objects.create(name="a"))

    def tags(self, book):
        return [str(tag.pk) for tag in book.tags.all()]

    def test_changes_the_row_and_gives_the_next_version(self, call, book, ann):
        result = call(
            "update", pk=book.pk, version=version(book, ann), data=data(book, title="Emma", tags=self.tags(book))
        )
        book.refresh_from_db()
        assert (book.title, result["version"]) == ("Emma", version(book, ann))

    def test_a_stale_edit_is_told_and_not_written(self, call, book, ann):
        opened = version(book, ann)
        Book.objects.update(title="by another")
        error = call("update", pk=book.pk, version=opened, data=data(book, title="Emma", tags=self.tags(book)))
        details = {"title": ["This has changed since you opened the form, to “by another”."]}
        assert (error["code"], error["reason"], error["details"]) == (4219, STALE, details)
        assert Book.objects.get().title == "by another"

    def test_the_version_of_the_refusal_overwrites_knowingly(self, call, book, ann):
        opened = version(book, ann)
        Book.objects.update(title="by another")
        mine = data(book, title="Emma", tags=self.tags(book))
        again = call("update", pk=book.pk, version=opened, data=mine)["version"]
        assert "pk" in call("update", pk=book.pk, version=again, data=mine)
        assert Book.objects.get().title == "Emma"

    def test_a_change_to_the_same_value_is_no_conflict(self, call, book, ann):
        opened = version(book, ann)
        Book.objects.update(title="Emma")
        assert "pk" in call("update", pk=book.pk, version=opened, data=data(book, title="Emma", tags=self.tags(book)))

    def test_a_change_outside_the_form_is_no_conflict(self, call, book, ann):
        opened = version(book, ann)
        Book.objects.update(owner=ann)
        assert "pk" in call("update", pk=book.pk, version=opened, data=data(book, pages=5, tags=self.tags(book)))

    def test_a_change_of_tags_is_a_conflict(self, call, book, ann):
        opened, tags = version(book, ann), self.tags(book)
        book.tags.add(Tag.objects.create(name="b"))
        error = call("update", pk=book.pk, version=opened, data=data(book, tags=tags))
        assert error["details"] == {"tags": ["This has changed since you opened the form."]}

    @pytest.mark.parametrize("forged", ["", "a.b.c.d", "....", "x" * 500])
    def test_a_forged_version_is_stale(self, call, book, forged):
        error = call("update", pk=book.pk, version=forged, data=data(book, title="Emma", tags=self.tags(book)))
        assert error["code"] == 4219

    def test_the_version_of_another_row_is_stale(self, call, book, ann):
        other = Book.objects.create(shelf=book.shelf, title=book.title, pages=book.pages)
        error = call("update", pk=book.pk, version=version(other, ann), data=data(book, title="Emma", tags=["1"]))
        assert error["code"] == 4219

    def test_a_version_survives_a_new_secret_key(self, call, book, ann, settings):
        opened = version(book, ann)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"
        assert "pk" in call("update", pk=book.pk, version=opened, data=data(book, pages=5, tags=self.tags(book)))

    @pytest.mark.parametrize("pk", ["0", "abc", str(10**30), "-1", "1.5", ""])
    def test_a_row_that_is_not_there_is_not_found(self, call, pk):
        assert call("update", pk=pk, version="", data={})["code"] == 4217

    def test_a_row_of_another_partition_is_not_found(self, call):
        book = Book.objects.create(shelf=Shelf.objects.create(name="other"), title="a")
        assert call("update", pk=book.pk, version="", data={})["code"] == 4217

    def test_a_row_outside_the_slice_is_not_found(self, call, book):
        last = Book.objects.create(shelf=book.shelf, title="Zorba")
        assert call("update", stream="sliced", pk=last.pk, version="", data={})["code"] == 4217
        assert call("update", stream="sliced", pk=book.pk, version="", data={})["code"] == 4219

    def test_is_refused_where_the_stream_does_not_allow_it(self, call, book, ann):
        Book.objects.update(title="sealed")
        error = call("update", pk=book.pk, version="", data={})
        assert (error["code"], error["reason"]) == (4214, "You do not have permission to change this row.")

    def test_a_row_cannot_be_moved_where_the_user_may_not_see_it(self, call, book, ann):
        locked = Shelf.objects.create(name="locked")
        mine = data(book, shelf=locked.pk, tags=self.tags(book))
        assert call("update", pk=book.pk, version=version(book, ann), data=mine)["code"] == 4214


class TestPage:
    """The same form without JavaScript."""

    @pytest.fixture
    def client(self, ann):
        client = Client(enforce_csrf_checks=True)
        client.force_login(ann)
        return client

    def render(self, user, text, **context):
        request = RequestFactory().get("/")
        request.user = user
        return Template("{% load realtime %}" + text).render(Context({"request": request, **context}))

    def fields(self, client, html) -> dict:
        """What a browser would send, with the token that the page has."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)[1]
        client.cookies["csrftoken"] = token
        found = dict(re.findall(r'name="(_live_\w+)" value="([^"]*)"', html))
        return {name: value.replace("&quot;", '"') for name, value in found.items()} | {"csrfmiddlewaretoken": token}

    def test_form_carries_stream_row_and_version(self, ann, book):
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id submit="Keep" %}', book=book)
        assert 'data-live-form="update" data-live-stream="writing" data-live-params="{&quot;shelf&quot;' in html
        assert f'data-live-pk="{book.pk}"' in html
        assert version(book, ann) in html
        assert '<button type="submit">Keep</button>' in html
        signed = tokens.read(re.search('data-live-token="([^"]+)"', html)[1], user=str(ann.pk), max_age=60)
        assert (signed.stream, signed.params, signed.format) == ("writing", {"shelf": book.shelf_id}, "form")
        assert f'id="id_writing_{book.pk}_title"' in html

    def test_form_is_not_shown_to_those_who_may_not_use_it(self, shelf):
        with pytest.raises(Forbidden):
            self.render(User.objects.create_user("eve"), '{% live_form "writing" shelf=1 %}')

    def test_stream_without_a_form_says_so(self, ann):
        with pytest.raises(StreamDefinitionError, match="The stream 'closed' has no form"):
            self.render(ann, '{% live_form "closed" shelf=1 %}')

    def test_missing_address_says_what_to_do(self, ann, shelf, settings):
        settings.ROOT_URLCONF = ()
        with pytest.raises(StreamDefinitionError, match=r'include\("realtime.urls"\)'):
            self.render(ann, '{% live_form "writing" shelf=1 %}')

    def test_post_saves_and_goes_on(self, client, ann, book):
        tag = Tag.objects.create(name="a").pk
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id next="/done/" %}', book=book)
        answer = client.post("/realtime/form/", self.fields(client, html) | data(book, title="Emma", tags=[tag]))
        assert (answer.status_code, answer.headers["Location"]) == (302, "/done/")
        assert Book.objects.get().title == "Emma"

    def test_post_makes_a_row(self, client, ann, shelf):
        tag = Tag.objects.create(name="a").pk
        html = self.render(ann, '{% live_form "writing" shelf=shelf.pk %}', shelf=shelf)
        sent = {"title": "Dune", "pages": 4, "shelf": shelf.pk, "tags": [tag]}
        answer = client.post(
            "/realtime/form/", self.fields(client, html) | sent, headers={"referer": "http://testserver/a/"}
        )
        assert (answer.headers["Location"], Book.objects.get().title) == ("http://testserver/a/", "Dune")

    @pytest.mark.parametrize("given", ["", "tags=tags"])
    def test_post_takes_parameters_with_several_values(self, client, ann, book, given):
        tag = Tag.objects.create(name="a")
        book.tags.add(tag)
        html = self.render(
            ann, f'{{% live_form "tagged" book shelf=book.shelf_id {given} %}}', book=book, tags=[tag.pk]
        )
        answer = client.post("/realtime/form/", self.fields(client, html) | data(book, title="Emma", tags=[tag.pk]))
        assert (answer.status_code, Book.objects.get().title) == (302, "Emma")

    def test_post_that_is_wrong_shows_the_form_with_what_was_typed(self, client, ann, book):
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id %}', book=book)
        answer = client.post(
            "/realtime/form/", self.fields(client, html) | data(book, title="", pages="many", tags=[])
        )
        page = answer.content.decode()
        assert answer.status_code == 422
        assert 'data-live-error="title">This field is required.</p>' in page
        assert 'value="many"' in page
        assert f'aria-describedby="id_writing_{book.pk}_title_error"' in page

    def test_stale_post_is_told_and_overwrites_when_it_is_sent_again(self, client, ann, book):
        tag = Tag.objects.create(name="a")
        book.tags.add(tag)
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id %}', book=book)
        Book.objects.update(title="by another")
        mine = data(book, title="Emma", tags=[tag.pk])
        answer = client.post("/realtime/form/", self.fields(client, html) | mine)
        page = answer.content.decode()
        assert (answer.status_code, STALE in page, Book.objects.get().title) == (422, True, "by another")
        assert "This has changed since you opened the form, to “by another”." in page
        assert 'value="Emma"' in page
        client.post("/realtime/form/", self.fields(client, page) | mine)
        assert Book.objects.get().title == "Emma"

    def test_post_without_a_csrf_token_is_refused(self, client, ann, book):
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id %}', book=book)
        fields = self.fields(client, html)
        del fields["csrfmiddlewaretoken"]
        assert client.post("/realtime/form/", fields | data(book)).status_code == 403

    def test_next_page_is_of_this_site(self, client, ann, book):
        tag = Tag.objects.create(name="a").pk
        html = self.render(ann, '{% live_form "writing" book shelf=book.shelf_id %}', book=book)
        fields = self.fields(client, html) | {"_live_next": "https://evil.example/"}
        assert client.post("/realtime/form/", fields | data(book, tags=[tag])).headers["Location"] == "/"

    @pytest.mark.parametrize(
        ("subject", "status"),
        [
            ("", 400),
            ("[]", 400),
            ('{"stream": "writing", "params": {"shelf": "x"}, "pk": null}', 400),
            ('{"stream": "writing", "params": {}, "pk": null}', 400),
            ('{"stream": "none", "params": {}, "pk": null}', 404),
            ('{"stream": "closed", "params": {"shelf": 1}, "pk": null}', 404),
            ('{"stream": "writing", "params": {"shelf": 1}, "pk": "0"}', 404),
        ],
    )
    def test_bad_subject_is_refused(self, ann, subject, status):
        client = Client()
        client.force_login(ann)
        assert client.post("/realtime/form/", {"_live_form": subject}).status_code == status

    def test_visitor_is_refused(self, shelf):
        subject = f'{{"stream": "writing", "params": {{"shelf": {shelf.pk}}}, "pk": null}}'
        assert Client().post("/realtime/form/", {"_live_form": subject}).status_code == 403


def test_form_of_another_model_is_a_problem_at_start():
    class Wrong(Writing):
        model = Shelf
        partition_by = ()

        def get_queryset(self):
            return Shelf.objects.all()

    with registered(wrong=Wrong):
        problems = [str(message.msg) for message in check_streams(None)]
    assert "Wrong.form_class is not a ModelForm of Shelf." in " ".join(problems)
