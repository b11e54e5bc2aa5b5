"""Authorization: which user may open which stream, and the code and message of each refusal."""

from __future__ import annotations

import uuid
from decimal import InvalidOperation

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404

from realtime import ModelStream
from realtime.auth.authorization import open_stream
from realtime.auth.users import described
from realtime.exceptions import BadParameters, Refusal, StreamDefinitionError
from realtime.queries.rendering import Renderer
from realtime.streams.registry import registry
from tests.models import Book, Shelf

pytestmark = pytest.mark.django_db

NOBODY = AnonymousUser()


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann")


def refusal(*args):
    with pytest.raises(Refusal) as refused:
        open_stream(*args)
    return int(refused.value.code), refused.value.reason


@pytest.fixture
def stream():
    """`stream(authorize=...)` registers a stream of books."""

    def make(authorize=lambda user, shelf: True, audience=lambda user, shelf: None, **attributes):
        methods = {
            "authorize": lambda self, user, shelf: authorize(user, shelf),
            "audience": lambda self, user, shelf: audience(user, shelf),
            "get_queryset": lambda self, shelf: Book.objects.filter(shelf=shelf),
        }
        fixed = {"model": Book, "fields": ["id"], "partition_by": ["shelf"]}
        registry.add("made", type("Made", (ModelStream,), fixed | methods | attributes))

    yield make
    registry.remove("made")


def test_stream_is_bound_to_its_parameters_and_audience(user, stream):
    stream(audience=lambda user, shelf: f"{user.username} {shelf}")
    opened = open_stream(user, "made", {"shelf": "7"})
    assert (opened.params, opened.audience_key) == ({"shelf": 7}, "ann 7")


def test_unknown_stream(user):
    assert refusal(user, "nowhere", {}) == (4212, "There is no stream 'nowhere'.")


def test_closed_to_visitors_by_default(stream):
    stream(authorize=lambda user, shelf: pytest.fail("visitors are refused before authorize"))
    assert refusal(NOBODY, "made", {"shelf": 7}) == (
        4214,
        "You do not have permission to view the stream 'made' with these parameters.",
    )


def test_authorize_decides_about_allowed_visitors(stream):
    stream(allow_anonymous=True, authorize=lambda user, shelf: shelf == 7)
    assert open_stream(NOBODY, "made", {"shelf": 7}).params == {"shelf": 7}
    assert refusal(NOBODY, "made", {"shelf": 8})[0] == 4214


def test_without_authorize_the_models_view_permission_is_needed(user):
    Shelf.objects.create(name="one")
    assert refusal(user, "shelves", {})[0] == 4214

    user.user_permissions.add(Permission.objects.get(content_type__app_label="tests", codename="view_shelf"))
    assert open_stream(User.objects.get(pk=user.pk), "shelves", {}).params == {}


@pytest.mark.parametrize(
    "error",
    [PermissionDenied("secret"), Http404("secret"), Shelf.DoesNotExist("secret")],
    ids=lambda error: type(error),
)
def test_every_refusal_has_the_same_message(user, stream, error):
    def authorize(user, shelf):
        raise error

    stream(authorize=authorize)
    assert refusal(user, "made", {"shelf": 7}) == (
        4214,
        "You do not have permission to view the stream 'made' with these parameters.",
    )


@pytest.mark.parametrize(
    "error", [ValueError("secret"), ValidationError("secret"), OverflowError("secret"), InvalidOperation("secret")]
)
def test_value_that_the_database_cannot_hold_is_a_bad_parameter(user, stream, error):
    def authorize(user, shelf):
        raise error

    stream(authorize=authorize)
    assert refusal(user, "made", {"shelf": 7}) == (
        4213,
        "The parameters of the stream 'made' have values of the wrong type.",
    )


def test_error_by_parameter_is_for_users(user, stream):
    def authorize(user, shelf):
        raise ValidationError({"shelf": "It is too high.", NON_FIELD_ERRORS: "Not both."})

    stream(authorize=authorize)
    with pytest.raises(BadParameters) as refused:
        open_stream(user, "made", {"shelf": 7})
    assert refused.value.details == {"shelf": ["It is too high."], "": ["Not both."]}


def test_failure_of_authorize_is_not_a_refusal(user, stream):
    def authorize(user, shelf):
        raise RuntimeError("secret")

    stream(authorize=authorize)
    with pytest.raises(RuntimeError):
        open_stream(user, "made", {"shelf": 7})


@pytest.mark.parametrize("no", [False, None, 0, ""])
def test_only_a_true_result_opens_the_stream(user, stream, no):
    stream(authorize=lambda user, shelf: no)
    assert refusal(user, "made", {"shelf": 7})[0] == 4214


@pytest.mark.parametrize("audience", [None, "", "x", 0, 5, True, uuid.UUID(int=5)])
def test_audience_is_text_number_uuid_or_none(user, stream, audience):
    stream(audience=lambda user, shelf: audience)
    assert open_stream(user, "made", {"shelf": 7}).audience_key is audience


@pytest.mark.parametrize("audience", [[1], {"pk": 1}, (1, 2), 1.5, NOBODY])
def test_audience_of_another_type_is_an_error_of_the_stream(user, stream, audience):
    stream(audience=lambda user, shelf: audience)
    with pytest.raises(StreamDefinitionError) as wrong:
        open_stream(user, "made", {"shelf": 7})
    assert str(wrong.value) == (
        f"audience of the stream 'made' returned {type(audience).__name__}. "
        "Return a string, a number, a UUID or None, such as user.pk."
    )


def test_fields_of_an_audience_must_be_fields_of_the_stream(stream):
    stream(fields=["id"], get_fields=lambda self: ["id", "title"])
    with pytest.raises(StreamDefinitionError) as wrong:
        Renderer(registry.get("made")({"shelf": 7}), "data")
    assert str(wrong.value) == (
        "get_fields of the stream 'made' returned 'title', which is not one of its fields. "
        "Name in `fields` all that any audience sees."
    )


def test_audience_is_the_value_on_a_bound_stream_and_the_method_on_the_class(user, stream):
    stream(audience=lambda user, shelf: user.pk)
    opened = open_stream(user, "made", {"shelf": 7})
    assert (opened.audience, opened.audience_key) == (user.pk, user.pk)
    assert registry.get("made")({"shelf": 7}).audience(user, shelf=7) == user.pk


class TestHints:
    """Developers see the reason of a refusal in logs and, with DEBUG, on the page."""

    MESSAGE = "You do not have permission to view the stream 'made' with these parameters."

    @pytest.fixture(params=[True, False])
    def refusal_hint(self, request, settings):
        settings.DEBUG = request.param

        def refusal_hint(*args) -> tuple[str, str]:
            with pytest.raises(Refusal) as refused:
                open_stream(*args)
            error = refused.value
            assert error.reason == (f"{self.MESSAGE} {self.hint(error)}" if settings.DEBUG else self.MESSAGE)
            return self.hint(error)

        return refusal_hint

    def hint(self, error) -> str:
        return str(error).removeprefix(f"{self.MESSAGE} ").removesuffix(" (4214 forbidden)")

    def test_nobody_is_logged_in(self, refusal_hint, stream):
        stream()
        assert refusal_hint(NOBODY, "made", {"shelf": 7}) == (
            "Nobody is logged in, and Made does not set `allow_anonymous`."
        )

    def test_authorize_returns_false(self, refusal_hint, stream, user):
        stream(authorize=lambda user, shelf: False, allow_anonymous=True)
        assert refusal_hint(user, "made", {"shelf": 7}) == f"Made.authorize() refused {described(user)}."
        assert refusal_hint(NOBODY, "made", {"shelf": 7}) == "Made.authorize() refused a visitor who is not logged in."

    def test_authorize_raises(self, refusal_hint, stream, user):
        stream(authorize=lambda user, shelf: Shelf.objects.get(pk=shelf))
        expected = "Its authorize() or audience() has raised Shelf.DoesNotExist."
        assert refusal_hint(user, "made", {"shelf": 7}) == expected

    def test_permission_is_missing(self, refusal_hint, stream, user):
        stream()
        registry.get("made").authorize = ModelStream.authorize
        assert refusal_hint(user, "made", {"shelf": 7}) == (
            f"The{described(user)[3:]} lacks the permission 'tests.view_book', which decides because Made has no "
            "authorize() of its own."
        )

    def test_user_is_named_with_debug_alone(self, user, settings):
        assert described(user) == "the user"
        settings.DEBUG = True
        assert described(user) == "the user 'ann'"
