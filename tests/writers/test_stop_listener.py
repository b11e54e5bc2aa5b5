"""The thread beside the writers of a process: it serves all of them, whatever happens to one."""

from __future__ import annotations

import threading

import pytest

from realtime.writers.stop_listener import StopListener
from tests.support.waiting import seconds


class Lease:
    """A lease that is always due. Renewing it raises `error`, or finds that the writer must stop."""

    is_due = True

    def __init__(self, writer: str, error: Exception | None = None) -> None:
        self.writer = writer
        self.error = error

    def look(self) -> bool:
        if self.error is not None:
            raise self.error
        return True


@pytest.fixture
def listener():
    found = StopListener()
    yield found
    for writer in ("first", "second"):
        found.remove(Lease(writer))


def test_a_lease_that_cannot_be_renewed_holds_up_no_other(listener, caplog):
    stopped = threading.Event()
    listener.add(Lease("first", ZeroDivisionError("broken")), lambda: None, renews=True)
    listener.add(Lease("second"), stopped.set, renews=True)
    assert stopped.wait(seconds(10))
    assert "The lease of a live text could not be renewed." in caplog.text


def test_writers_are_served_after_the_thread_could_not_be_started(listener, monkeypatch):
    def refuse(thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            listener.add(Lease("first"), lambda: None, renews=True)
    stopped = threading.Event()
    listener.add(Lease("second"), stopped.set, renews=True)
    assert stopped.wait(seconds(10))
