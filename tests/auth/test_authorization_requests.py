"""Admission: what is asked by many connections at once is found out once."""

from __future__ import annotations

from django.contrib.auth.models import User

from realtime.auth.authorization import Request, RequestFacts, authorize_request, requested_stream
from realtime.auth.identity import Identity
from realtime.protocol.messages import Subscribe
from tests.streams import BookStream
from tests.support.logins import new_session


def test_connections_of_one_user_cost_one_check(db, monkeypatch):
    asked = []
    monkeypatch.setattr(BookStream, "authorize", lambda self, user, shelf: asked.append((user.pk, shelf)) or True)
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
    assert asked == [(user.pk, shelf) for user in users for shelf in (1, 2)]


def test_stream_of_a_request_is_told_where_it_can_be(db):
    nobody = Identity()
    requests = [
        Request(nobody, Subscribe(1, stream="books")),
        Request(nobody, Subscribe(1, token="forged")),
        Request(nobody, None),
    ]
    known = RequestFacts(requests)
    assert [requested_stream(request, known) for request in requests] == ["books", None, None]
