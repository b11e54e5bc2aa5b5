"""Idempotency: a repeated call runs only once, and gets the stored reply."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections, transaction

from realtime import ActionError, ModelStream, action
from realtime.actions.deadline import Deadline
from realtime.actions.execution import operation_key, perform
from realtime.auth.identity import Identity
from realtime.changelog import get_changelog, idempotency
from realtime.models import Operation
from realtime.protocol.messages import Call
from tests.models import Note
from tests.support.elsewhere import Elsewhere
from tests.support.limits import limit
from tests.support.streams import registered
from tests.support.waiting import seconds

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("committed")]


class Pad(ModelStream):
    """A stream of notes, with actions that fail in different ways."""

    model = Note
    fields = ["id"]
    open = True
    going_on = threading.Event()
    entered = threading.Semaphore(0)

    def authorize(self, user):
        return not Note.objects.filter(text=f"without {user.username}").exists()

    @action
    def write(self, user, text: str):
        return {"pk": Note.objects.create(text=text).pk, "of": user.username}

    @action
    def write_slowly(self, user, text: str):
        note = Note.objects.create(text=text)
        self.entered.release()
        self.going_on.wait(seconds(10))
        return note.pk

    @action
    def think_and_write(self, user, text: str):
        Note.objects.count()
        self.entered.release()
        self.going_on.wait(seconds(10))
        return Note.objects.create(text=text).pk

    @action
    def write_if_open(self, user, text: str):
        Note.objects.create(text=text)
        if not Pad.open:
            raise ActionError("Closed.")

    @action
    def write_and_trip(self, user, text: str):
        Note.objects.create(text=text)
        transaction.on_commit(lambda: 1 / 0)

    @action
    def shout(self, user, length: int):
        Note.objects.create(text="shout")
        return "a" * length


@pytest.fixture(autouse=True)
def pad():
    Pad.open = True
    Pad.going_on.clear()
    Pad.entered = threading.Semaphore(0)
    with registered(pad=Pad):
        yield
        Pad.going_on.set()


@pytest.fixture
def ann() -> Identity:
    return Identity(str(User.objects.create_user("ann").pk))


@pytest.fixture
def others():
    """Two more threads, each with its own connection."""
    threads = [Elsewhere(), Elsewhere()]
    yield threads
    Pad.going_on.set()
    for thread in threads:
        thread.close()


def call(identity: Identity, id: str, action: str, deadline: Deadline | None = None, **args) -> dict:
    reply = perform(identity, Call(id=id, stream="pad", action=action, args=args), deadline)
    return msgspec.json.decode(msgspec.json.encode(reply))


def texts() -> list[str]:
    return list(Note.objects.order_by("pk").values_list("text", flat=True))


def test_repeated_call_runs_once_and_gets_two_replies(ann):
    first = call(ann, "c1", "write", text="a")
    assert call(ann, "c1", "write", text="a") == first
    assert texts() == ["a"]


def test_ids_of_two_users_do_not_collide(ann):
    ben = Identity(str(User.objects.create_user("ben").pk))
    call(ann, "c1", "write", text="a")
    assert call(ben, "c1", "write", text="a")["result"]["of"] == "ben"
    assert texts() == ["a", "a"]


def test_ids_of_two_visitors_do_not_collide():
    assert len({operation_key(Identity(visitor=visitor), "c1") for visitor in ("one", "other")}) == 2


def test_id_of_another_call_is_refused(ann):
    call(ann, "c1", "write", text="a")
    reply = call(ann, "c1", "write", text="b")
    sentence = "The id of this call belongs to another call. Use a new id for each call."
    assert reply["error"] == {"code": 4216, "reason": sentence}
    assert texts() == ["a"]


def test_refused_call_stores_nothing_and_can_be_retried(ann):
    Pad.open = False
    assert call(ann, "c1", "write_if_open", text="a")["error"]["code"] == 4218
    assert (texts(), Operation.objects.count()) == ([], 0)
    Pad.open = True
    assert "error" not in call(ann, "c1", "write_if_open", text="a")
    assert texts() == ["a"]


def test_repeated_call_that_revoked_its_own_permission_gets_its_reply(ann):
    first = call(ann, "c1", "write", text="without ann")
    assert call(ann, "c1", "write", text="without ann") == first
    assert call(ann, "c2", "write", text="a")["error"]["code"] == 4214


def test_running_call_is_not_run_twice_concurrently(ann, others):
    one, other = (thread._thread.submit(call, ann, "c1", "write_slowly", text="a") for thread in others)
    assert Pad.entered.acquire(timeout=seconds(10))
    Pad.going_on.set()
    assert one.result(seconds(30)) == other.result(seconds(30))
    assert texts() == ["a"]


def test_running_call_without_writes_is_not_run_twice_concurrently(ann, others):
    one, other = (thread._thread.submit(call, ann, "c1", "think_and_write", text="a") for thread in others)
    assert Pad.entered.acquire(timeout=seconds(10))
    Pad.going_on.set()
    assert one.result(seconds(30)) == other.result(seconds(30))
    assert texts() == ["a"]


def test_two_calls_that_read_before_writing_both_run(ann, others):
    futures = [others[n]._thread.submit(call, ann, f"c{n}", "think_and_write", text=str(n)) for n in (0, 1)]
    assert Pad.entered.acquire(timeout=seconds(10))
    Pad.entered.acquire(timeout=0.2)  # if the database lets both read at the same time
    Pad.going_on.set()
    assert all("error" not in future.result(seconds(30)) for future in futures)
    assert sorted(texts()) == ["0", "1"]


def test_failure_after_the_commit_does_not_fail_the_call(ann, caplog):
    assert "error" not in call(ann, "c1", "write_and_trip", text="a")
    assert "error" not in call(ann, "c1", "write_and_trip", text="a")
    assert texts() == ["a"]
    assert "ZeroDivisionError" in caplog.text


def test_timed_out_call_does_not_commit(ann):
    deadline = Deadline(3)
    assert deadline.give_up()
    reply = call(ann, "c1", "write", deadline, text="a")
    sentence = "The action took longer than 3 seconds and was cancelled; nothing was saved."
    assert reply["error"] == {"code": 4003, "reason": sentence}
    assert (texts(), Operation.objects.count()) == ([], 0)


def test_committing_call_does_not_time_out(ann):
    deadline = Deadline(3)
    call(ann, "c1", "write", deadline, text="a")
    assert not deadline.give_up()


@pytest.fixture
def conflicts(monkeypatch):
    """Make commits lose to another transaction; `at_commit` is called right before them."""
    conflicts = SimpleNamespace(times=1, at_commit=lambda: None)
    connection = connections["default"]
    commit = connection.commit

    def commit_or_conflict() -> None:
        if not conflicts.times:
            return commit()
        conflicts.times -= 1
        conflicts.at_commit()
        raise OperationalError("database is locked")

    monkeypatch.setattr(connection, "commit", commit_or_conflict)
    yield conflicts
    conflicts.times = 0


def test_transaction_that_conflicts_is_repeated(ann, conflicts):
    assert "error" not in call(ann, "c1", "write", Deadline(60), text="a")
    assert (texts(), conflicts.times) == (["a"], 0)


def test_transaction_that_conflicts_is_not_repeated_after_the_deadline(ann, conflicts):
    deadline = Deadline(3)
    given_up = []
    conflicts.times, conflicts.at_commit = 2, lambda: given_up.append(deadline.give_up())
    assert call(ann, "c1", "write", deadline, text="a")["error"]["code"] == 4003
    conflicts.times -= 1
    assert (texts(), conflicts.times, given_up) == ([], 0, [False])


def test_repeated_transaction_can_time_out(ann, conflicts):
    class Late(Deadline):
        def commit(self) -> None:
            assert conflicts.times or self.give_up()
            super().commit()

    assert call(ann, "c1", "write", Late(3), text="a")["error"]["code"] == 4003
    assert (texts(), conflicts.times) == ([], 0)


def test_call_with_a_too_large_result_has_no_effect(ann, settings, caplog):
    limit(settings, reply_bytes=100)
    assert call(ann, "c1", "shout", length=90)["result"] == "a" * 90
    assert call(ann, "c2", "shout", length=99)["error"]["code"] == 4001
    assert texts() == ["shout"]
    assert "A result may have 100 bytes; this one has 101." in caplog.text


def test_operations_are_pruned_with_the_log_after_an_hour(ann):
    call(ann, "old", "write", text="a")
    call(ann, "new", "write", text="b")
    old = Operation.objects.filter(pk=operation_key(ann, "old"))
    old.update(at=old.get().at - 3601 * 1000)
    get_changelog("default").prune(older_than=1)
    assert [operation.key for operation in Operation.objects.all()] == [operation_key(ann, "new")]


def test_completed_operations(ann):
    call(ann, "c1", "write", text="a")
    keys = [operation_key(ann, id) for id in ("c1", "c2")]
    assert idempotency.completed("default", keys) == {keys[0]}
