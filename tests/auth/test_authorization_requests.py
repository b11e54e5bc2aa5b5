"""Batches of requests: what several connections need at once is read only once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from realtime.auth import tokens
from realtime.auth.authorization import Request, RequestFacts, authorize_request, requested_stream
from realtime.auth.identity import Identity
from realtime.exceptions import Forbidden, TokenInvalid
from realtime.protocol.messages import Subscribe
from realtime.streams.surroundings import Surroundings
from tests.streams import BookStream
from tests.support.logins import new_session


def test_connections_of_one_user_cost_one_check(db, monkeypatch):
    checked = []
    monkeypatch.setattr(BookStream, "authorize", lambda self, user, shelf: checked.append((user.pk, shelf)) or True)
    users = [User.objects.create_user(name) for name in ("ann", "bob")]
    requests = [
        Request(Identity(str(user.pk), new_session(user)), Subscribe(1, stream="books", params={"shelf": shelf}))
        for user in users
        for shelf in (1, 2)
        for _ in range(3)
    ]
    known = RequestFacts(requests)
    verdicts = [authorize_request(request, known) for request in requests]
    assert [decision.answer.stream.params["shelf"] for decision in verdicts] == [1, 1, 1, 2, 2, 2] * 2
    assert checked == [(user.pk, shelf) for user in users for shelf in (1, 2)]


def test_stream_of_a_request_is_named_if_known(db):
    nobody = Identity()
    requests = [
        Request(nobody, Subscribe(1, stream="books")),
        Request(nobody, Subscribe(1, token="forged")),
        Request(nobody, None),
    ]
    known = RequestFacts(requests)
    assert [requested_stream(request, known) for request in requests] == ["books", None, None]


def decide(request: Request) -> Any:
    return authorize_request(request, RequestFacts([request])).answer


def signed(user: User | None, **params: Any) -> str:
    key = None if user is None else str(user.pk)
    french = Surroundings("/app", "fr")
    return tokens.sign(stream="books", params={"shelf": 1, **params}, format="html", user=key, surroundings=french)


def test_added_parameters_override_those_of_the_token_and_are_authorized(db, monkeypatch):
    monkeypatch.setattr(BookStream, "authorize", lambda self, user, shelf: shelf == 2)
    user = User.objects.create_user("ann")
    identity, token = Identity(str(user.pk), new_session(user)), signed(user)

    assert isinstance(decide(Request(identity, Subscribe(1, token=token))), Forbidden)
    assert isinstance(decide(Request(identity, Subscribe(1, token=token, params={"shelf": 3}))), Forbidden)
    answer = decide(Request(identity, Subscribe(1, token=token, params={"shelf": 2})))
    assert (answer.stream.params, answer.format) == ({"shelf": 2}, "html")
    assert answer.stream.surroundings == Surroundings("/app")  # of the page, not localized


def test_added_parameters_do_not_make_a_token_valid_for_another_user(db):
    ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
    request = Request(Identity(str(bob.pk), new_session(bob)), Subscribe(1, token=signed(ann), params={"shelf": 2}))
    assert isinstance(decide(request), TokenInvalid)


def test_visitor_learns_of_a_parameter_only_with_a_token(db, monkeypatch):
    monkeypatch.setattr(BookStream, "allow_anonymous", True)
    subscriptions = [
        Subscribe(1, token=signed(None), params={"shelf": "x"}),
        Subscribe(1, stream="books", params={"shelf": "x"}, format="html"),
        Subscribe(1, token=signed(None), params={"guess": "x"}),
    ]
    requests = [Request(Identity(surroundings=Surroundings("/app", "fr")), each) for each in subscriptions]
    known = RequestFacts(requests)
    answers = [authorize_request(request, known).answer for request in requests]
    assert [(type(answer).code, list(answer.details)) for answer in answers] == [
        (4213, ["shelf"]),
        (4213, []),
        (4213, []),
    ]
    assert "shelf" not in str(answers[2])  # does not reveal the parameters
