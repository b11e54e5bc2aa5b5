"""Actions: who may call what, with which arguments, and what the caller is told."""

from __future__ import annotations

import datetime

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from realtime import ModelStream, action
from realtime.actions.execution import perform
from realtime.auth.identity import Identity
from realtime.exceptions import Code
from realtime.protocol.messages import Call
from tests.models import Book, Note
from tests.support.streams import registered

pytestmark = pytest.mark.django_db

INTERNAL = {"code": 4001, "reason": "Internal server error; see the server's log."}


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def call(user, shelf):
    """`call("add", title="a")`: the reply, as the client gets it."""

    def call(action: str, *, stream="books", params=None, user=user, args=None, **more):
        args = {**(args or {}), **more}
        params = {"shelf": shelf.pk} if params is None else params
        identity = Identity(None if user is None else str(user.pk))
        reply = perform(identity, Call(id="c1", stream=stream, action=action, params=params, args=args))
        wire = msgspec.json.decode(msgspec.json.encode(reply))
        assert (wire.pop("type"), wire.pop("id")) == ("reply", "c1")
        return wire

    return call


class Desk(ModelStream):
    """One action for each thing that a method can do."""

    model = Book
    fields = ["id"]
    name = "desk"

    def authorize(self, user, shelf):
        return user.username != "eve"

    def get_queryset(self, shelf: int):
        return Book.objects.filter(shelf=shelf)

    @action
    def take(self, user, number: int, day: datetime.date, words: list[str], flag: bool = False, anything=None):
        return {"number": number, "day": day, "words": words, "flag": flag, "anything": anything}

    @action
    def any_name(self, user, **args):
        return args

    @action
    def write_and_fail(self, user, how: str):
        Note.objects.create(text="written")
        raise {
            "denied": PermissionDenied("Only on Mondays."),
            "denied silently": PermissionDenied(),
            "missing": Book.DoesNotExist("secret"),
            "404": Http404("secret"),
            "invalid": ValidationError(["One.", "Two."]),
            "invalid fields": ValidationError({"title": ["Too long."], "__all__": ["Not now."]}),
            "crash": RuntimeError("secret"),
            "client": KeyError("secret"),
        }[how]

    @action
    def write_and_return(self, user, what: str):
        Note.objects.create(text="written")
        return {"object": object(), "set": {1}, "none": None, "model": Book(pk=5), "nan": float("nan")}[what]

    @action
    async def slow(self, user):
        await Note.objects.acreate(text="written")
        raise RuntimeError("secret")

    def not_an_action(self, user):
        raise AssertionError


@pytest.fixture(autouse=True)
def desk():
    with registered(desk=Desk):
        yield


def test_result_is_the_reply(call, shelf):
    reply = call("add", title="a", pages=3)
    assert reply == {"result": {"pk": Book.objects.get(title="a", pages=3, shelf=shelf).pk}}


def test_async_action_is_run_to_its_end(call, shelf):
    book = Book.objects.create(shelf=shelf, title="a", pages=1)
    assert call("read", pk=book.pk) == {"result": 2}


def test_nothing_returned_is_null(call):
    assert call("write_and_return", stream="desk", what="none") == {"result": None}


def test_arguments_are_converted_to_their_annotations(call):
    reply = call("take", stream="desk", number="7", day="2026-01-31", words=["a"], anything={"x": [1]})
    assert reply == {
        "result": {"number": 7, "day": "2026-01-31", "words": ["a"], "flag": False, "anything": {"x": [1]}}
    }


NO_SUCH = "The action 'take' has no such argument; it has: number, day, words, flag, anything."


def test_wrong_arguments_are_named_each(call):
    reply = call("take", stream="desk", number="x", words="no list", colour="red")
    assert reply["error"] == {
        "code": Code.INVALID,
        "reason": (
            "The arguments of the action 'take' are invalid. number: Enter a whole number. words: Enter a list of "
            f"values. colour: {NO_SUCH} day: This argument is required."
        ),
        "details": {
            "number": ["Enter a whole number."],
            "words": ["Enter a list of values."],
            "colour": [NO_SUCH],
            "day": ["This argument is required."],
        },
    }


@pytest.mark.parametrize("name", ["self", "user"])
def test_what_the_server_gives_cannot_be_given(call, name):
    assert call("any_name", stream="desk", args={name: 1})["error"]["details"] == {
        name: ["The action 'any_name' has no such argument; it has: none."]
    }


def test_arguments_of_any_name_where_the_action_takes_them(call):
    assert call("any_name", stream="desk", colour="red") == {"result": {"colour": "red"}}


def test_validation_of_the_model_is_told_by_field(call):
    assert call("add", title="x" * 101)["error"] == {
        "code": Code.INVALID,
        "reason": "Ensure this value has at most 100 characters (it has 101).",
        "details": {"title": ["Ensure this value has at most 100 characters (it has 101)."]},
    }


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("denied", {"code": 4214, "reason": "Only on Mondays."}),
        (
            "denied silently",
            {"code": 4214, "reason": "You do not have permission to call the action 'write_and_fail'."},
        ),
        ("missing", {"code": 4217, "reason": "The object of this call does not exist."}),
        ("404", {"code": 4217, "reason": "The object of this call does not exist."}),
        ("invalid", {"code": 4216, "reason": "One. Two."}),
        (
            "invalid fields",
            {"code": 4216, "reason": "Too long. Not now.", "details": {"title": ["Too long."], "": ["Not now."]}},
        ),
        ("crash", INTERNAL),
        ("client", INTERNAL),
    ],
)
def test_failure_is_told_and_has_no_effect(call, how, error, caplog):
    assert call("write_and_fail", stream="desk", how=how) == {"error": error}
    assert not Note.objects.exists()
    if error is INTERNAL:
        assert "secret" in caplog.text
        assert caplog.messages == ["The action write_and_fail of the stream desk failed."]
    else:
        assert caplog.messages == []


def test_action_error_is_told_in_its_own_words(call):
    assert call("refuse") == {"error": {"code": Code.ACTION_REFUSED, "reason": "Not today."}}


def test_crash_of_an_async_action_has_no_effect(call, caplog):
    assert call("slow", stream="desk") == {"error": INTERNAL}
    assert not Note.objects.exists()


def test_result_that_json_does_not_have_has_no_effect(call, caplog):
    assert call("write_and_return", stream="desk", what="object") == {"error": INTERNAL}
    assert not Note.objects.exists()


@pytest.mark.parametrize(("what", "result"), [("set", [1]), ("model", 5), ("nan", None)])
def test_result_is_made_json_where_it_can_be(call, what, result):
    assert call("write_and_return", stream="desk", what=what) == {"result": result}


def test_unknown_action_lists_those_that_there_are(call):
    for name in ("fly", "not_an_action", "authorize", "get_queryset", "__init__", "params"):
        assert call(name, stream="desk")["error"] == {
            "code": Code.UNKNOWN_ACTION,
            "reason": (
                f"The stream 'desk' has no action {name!r}; it has: any_name, slow, take, write_and_fail,"
                " write_and_return."
            ),
        }


def test_permission_is_needed_where_it_is_named(call, user, shelf):
    Book.objects.create(shelf=shelf, title="a")
    assert call("burn") == {
        "error": {"code": Code.FORBIDDEN, "reason": "You do not have permission to call the action 'burn'."}
    }
    assert Book.objects.exists()

    user.user_permissions.add(Permission.objects.get(content_type__app_label="tests", codename="delete_book"))
    assert call("burn") == {"result": None}
    assert not Book.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "code", "reason"),
    [
        ({"stream": "nowhere"}, Code.UNKNOWN_STREAM, "There is no stream 'nowhere'."),
        ({"params": {}}, Code.BAD_PARAMETERS, "The stream 'books' needs the parameter 'shelf'; it has: shelf."),
        (
            {"user": None},
            Code.FORBIDDEN,
            "You do not have permission to view the stream 'books' with these parameters.",
        ),
    ],
)
def test_stream_has_to_be_open_to_the_caller(call, wrong, code, reason):
    assert call("add", title="a", **wrong) == {"error": {"code": code, "reason": reason}}
    assert not Book.objects.exists()


def test_caller_whom_the_stream_refuses_calls_nothing(call):
    eve = User.objects.create_user("eve")
    assert call("any_name", stream="desk", user=eve)["error"]["code"] == Code.FORBIDDEN


def test_caller_who_is_no_longer_active_is_a_visitor(call, user):
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert call("add", title="a")["error"]["code"] == Code.FORBIDDEN


def test_caller_who_is_gone_is_a_visitor(call, user):
    user_pk = user.pk
    user.delete()
    user.pk = user_pk
    assert call("add", title="a")["error"]["code"] == Code.FORBIDDEN
