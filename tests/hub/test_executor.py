"""FairExecutor: actions that are slow, or never return, keep nobody else from theirs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from realtime.actions.deadline import Deadline
from realtime.exceptions import CallsOverloaded, CallTimedOut
from realtime.hub import executor as module
from realtime.hub.executor import FairExecutor
from tests.support.waiting import seconds
from tests.support.wire import until


class Gate:
    """Work that ends when it is let go."""

    def __init__(self) -> None:
        self.entered = 0
        self.open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, deadline: Deadline) -> str:
        with self._lock:
            self.entered += 1
        self.open.wait(seconds(20))
        deadline.commit()
        return "done"


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
async def make():
    """`make(threads=2, seconds=10)`: turns whose threads end with the test."""
    made = []

    def make(**options) -> FairExecutor:
        made.append(FairExecutor(**{"threads": 2, "seconds": 20.0, **options}))
        return made[-1]

    yield make
    for turns in made:
        await asyncio.gather(*map(asyncio.wrap_future, turns.close()))


def at_once(deadline: Deadline) -> str:
    deadline.commit()
    return "at once"


def be_patient(turns: FairExecutor) -> None:
    """Give the work that comes now all the time that it needs: the machine may be busy."""
    turns._seconds = seconds(20)


async def test_result_is_that_of_the_work(make):
    assert await make().run("ann", 1, at_once) == "at once"


async def test_one_owner_leaves_threads_to_others(make, gate):
    turns = make(threads=4)
    slow = [asyncio.create_task(turns.run("ann", key, gate)) for key in range(10)]
    await until(lambda: gate.entered == 2)
    assert await turns.run("ben", "b", at_once) == "at once"
    assert gate.entered == 2
    gate.open.set()
    assert await asyncio.gather(*slow) == ["done"] * 10


async def test_users_come_before_visitors(make, gate):
    turns = make(threads=1)
    first = asyncio.create_task(turns.run("ann", "gate", gate))
    await until(lambda: gate.entered)
    order: list[str] = []
    tasks = [
        asyncio.create_task(
            turns.run(
                name, name, lambda deadline, name=name: order.append(name), of_visitor=name.startswith("visitor")
            )
        )
        for name in ("visitor 1", "visitor 2", "ben", "cal")
    ]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, *tasks)
    assert order == ["ben", "cal", "visitor 1", "visitor 2"]


async def test_visitors_leave_half_of_the_threads_to_users(make, gate):
    turns = make(threads=4)
    slow = [asyncio.create_task(turns.run(f"visitor {key}", key, gate, of_visitor=True)) for key in range(10)]
    await until(lambda: gate.entered == 2)
    assert await turns.run("ben", "b", at_once) == "at once"
    assert gate.entered == 2
    gate.open.set()
    assert await asyncio.gather(*slow) == ["done"] * 10


async def test_visitors_whose_work_never_ends_do_not_shut_out_the_others(make, gate):
    turns = make(threads=2, seconds=0.1)
    with pytest.raises(CallTimedOut):
        await turns.run("visitor 1", 1, gate, of_visitor=True)
    be_patient(turns)
    assert await turns.run("visitor 2", 2, at_once, of_visitor=True) == "at once"
    gate.open.set()
    await until(lambda: turns._lost == 0)
    assert turns._visitors == 0


async def test_owners_take_jobs(make, gate):
    turns = make(threads=1)
    first = asyncio.create_task(turns.run("ann", "gate", gate))
    await until(lambda: gate.entered)
    order: list[str] = []

    def note(name: str):
        return lambda deadline: order.append(name)

    names = ["ann1", "ann2", "ann3", "ben1", "ben2", "cal1"]
    tasks = [asyncio.create_task(turns.run(name[:3], name, note(name))) for name in names]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, *tasks)
    assert order == ["ann1", "ben1", "cal1", "ann2", "ben2", "ann3"]


async def test_work_of_the_same_key_is_joined(make, gate):
    turns = make(threads=4)
    both = [asyncio.create_task(turns.run("ann", "same", gate)) for _ in range(2)]
    await until(lambda: gate.entered)
    gate.open.set()
    assert await asyncio.gather(*both) == ["done", "done"]
    assert gate.entered == 1


async def test_work_that_takes_too_long_is_given_up_and_cannot_commit(make, gate, caplog):
    turns = make(seconds=0.3)
    with pytest.raises(CallTimedOut, match=r"longer than 0\.3 seconds and was cancelled; nothing was saved"):
        await turns.run("ann", 1, gate)
    gate.open.set()
    await until(lambda: not turns._jobs)
    assert "The action ? has not returned within 0.3 seconds; it is given up." in caplog.text
    assert turns._lost == 0


async def test_async_work_that_is_repeated_has_the_time_that_is_left(monkeypatch):
    now = 100.0
    monkeypatch.setattr("realtime.actions.deadline.monotonic", lambda: now)
    deadline = Deadline(60)
    assert await deadline.within(asyncio.sleep(0, "in time")) == "in time"
    now += 60
    with pytest.raises(CallTimedOut):
        await deadline.within(asyncio.sleep(60))


async def test_work_that_never_returns_is_replaced(make, gate):
    turns = make(threads=2, seconds=0.3)
    stuck = [asyncio.create_task(turns.run(owner, owner, gate)) for owner in ("ann", "ben")]
    await asyncio.gather(*stuck, return_exceptions=True)
    be_patient(turns)
    assert await turns.run("cal", 1, at_once) == "at once"


async def test_owner_whose_work_never_returns_holds_no_more_than_their_share(make, gate):
    turns = make(threads=4, seconds=0.3)
    asked = [asyncio.create_task(turns.run("ann", key, gate)) for key in range(6)]
    await asyncio.wait(asked[:2])
    be_patient(turns)
    assert await turns.run("ben", "b", at_once) == "at once"
    assert gate.entered == 2
    for task in asked[2:]:
        task.cancel()
    await asyncio.wait(asked)


async def test_repeating_what_was_given_up_takes_no_second_thread(make, gate):
    turns = make(threads=4, seconds=0.3)
    for _ in range(3):
        with pytest.raises(CallTimedOut):
            await turns.run("ann", "same", gate)
    assert gate.entered == 1


async def test_calls_are_refused_when_nothing_returns(make, gate, monkeypatch):
    monkeypatch.setattr(module, "MAX_LOST", 1)
    turns = make(threads=1, seconds=0.3)
    asked = [asyncio.create_task(turns.run(owner, owner, gate)) for owner in ("ann", "ben", "cal")]
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in errors] == [CallTimedOut, CallTimedOut, CallsOverloaded]
    with pytest.raises(CallsOverloaded, match="occupy all threads of this server process"):
        await turns.run("dan", 1, at_once)
    gate.open.set()
    await until(lambda: not turns._jobs)
    be_patient(turns)
    assert await turns.run("dan", 1, at_once) == "at once"


async def test_work_that_nobody_waits_for_any_more_does_not_begin(make, gate):
    turns = make(threads=1)
    first = asyncio.create_task(turns.run("ann", "gate", gate))
    await until(lambda: gate.entered)
    begun: list[int] = []
    left = asyncio.create_task(turns.run("ben", "left", lambda deadline: begun.append(1)))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    gate.open.set()
    await first
    assert await turns.run("cal", 1, at_once) == "at once"
    assert not begun


async def test_work_that_has_begun_goes_on_when_its_caller_has_gone(make, gate):
    turns = make()
    left = asyncio.create_task(turns.run("ann", "same", gate))
    await until(lambda: gate.entered)
    left.cancel()
    await asyncio.wait([left])
    gate.open.set()
    assert await turns.run("ann", "same", gate) == "done"


async def test_failure_is_that_of_the_work(make):
    turns = make()

    def fail(deadline: Deadline) -> None:
        raise CancelledError

    with pytest.raises((CancelledError, asyncio.CancelledError)):
        await turns.run("ann", 1, fail)
    with pytest.raises(ZeroDivisionError):
        await turns.run("ann", 2, lambda deadline: 1 / 0)


async def test_call_without_a_thread_fails_and_holds_nothing(make, monkeypatch):
    turns = make(threads=2)

    def refuse(thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for key in range(3):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await turns.run("ann", key, at_once)
    assert await turns.run("ann", 0, at_once) == "at once"


async def test_async_work_is_cancelled_when_its_time_is_over():
    ended = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(CallTimedOut):
        await Deadline(0.01).within(wait())
    assert ended == [True]


async def test_timeout_of_the_work_itself_is_no_time_limit():
    async def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await Deadline(60).within(fail())
