"""Work that is gathered: who asks while the threads are busy is answered together."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from realtime.hub.batching import MAX_MEMBERS, Batcher
from realtime.hub.pacing import RUSH_SECONDS
from tests.support.wire import until

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A round goes on as one, however seldom its thread is run."""
    monkeypatch.setattr("realtime.hub.batching.PATIENCE_SECONDS", 60.0)


class Work:
    """Notes the rounds, each of which waits until it is let go."""

    def __init__(self, threads: int = 1) -> None:
        self.rounds: list[list[int]] = []
        self.go_on = threading.Semaphore(0)
        self.pool = ThreadPoolExecutor(threads)
        self.gathering = Batcher(self.pool.submit, threads, read=self.read, answer=self.answer)

    def read(self, asked: list[int]) -> str:
        self.rounds.append(list(asked))
        assert self.go_on.acquire(timeout=10)
        if -2 in asked:
            raise LookupError("the database is away")
        if -4 in asked:
            next(iter(""))
        return "known"

    def answer(self, asked: int, known: str) -> str:
        if asked == -1:
            raise ValueError("no such number")
        if asked == -3:
            return next(iter(""))
        return f"{known} {asked}"

    async def one(self, number: int) -> str:
        return (await self.gathering(number)).answer

    async def ask(self, *numbers: int) -> list[asyncio.Task[str]]:
        """The first one asks before the others; they are there when this returns."""
        tasks = []
        for number in numbers:
            tasks.append(asyncio.create_task(self.one(number)))
            await until(lambda: self.rounds)
        return tasks


async def test_first_is_not_kept_waiting_and_the_others_go_together():
    work = Work()
    tasks = await work.ask(0, 1, 2, 3)
    work.go_on.release(2)
    assert await asyncio.gather(*tasks) == ["known 0", "known 1", "known 2", "known 3"]
    assert work.rounds == [[0], [1, 2, 3]]


async def test_as_many_rounds_at_a_time_as_there_are_threads():
    work = Work(threads=2)
    tasks = await work.ask(0, 1)
    await until(lambda: len(work.rounds) == 2)
    tasks += await work.ask(2, 3)
    await asyncio.sleep(2 * RUSH_SECONDS)
    assert work.rounds == [[0], [1]]
    work.go_on.release(3)
    assert await asyncio.gather(*tasks) == ["known 0", "known 1", "known 2", "known 3"]
    assert work.rounds == [[0], [1], [2, 3]]


async def test_who_asks_right_after_a_round_waits_for_others_as_long_as_it_takes_them_to_come():
    work = Work(threads=2)
    work.go_on.release(3)
    [first] = await work.ask(0)
    others = [asyncio.create_task(work.one(number)) for number in (1, 2)]
    assert await asyncio.gather(first, *others) == ["known 0", "known 1", "known 2"]
    assert work.rounds == [[0], [1, 2]]


async def test_full_round_waits_for_nobody(monkeypatch):
    monkeypatch.setattr("realtime.hub.batching.RUSH_SECONDS", 3600.0)
    work = Work(threads=2)
    work.go_on.release(3)
    tasks = await work.ask(*range(1 + 2 * MAX_MEMBERS))
    await asyncio.gather(*tasks)
    assert sorted(len(asked) for asked in work.rounds) == [1, MAX_MEMBERS, MAX_MEMBERS]


async def test_round_is_bounded():
    work = Work()
    tasks = await work.ask(*range(MAX_MEMBERS + 2))
    work.go_on.release(3)
    await asyncio.gather(*tasks)
    assert [len(asked) for asked in work.rounds] == [1, MAX_MEMBERS, 1]


async def test_error_of_one_is_no_others():
    work = Work()
    tasks = await work.ask(0, -1, 2)
    work.go_on.release(2)
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, third) == ("known 0", "known 2")
    assert isinstance(second, ValueError)


async def test_exception_that_no_future_can_hold_is_told_as_another_one():
    work = Work()
    tasks = await work.ask(0, -3, 2)
    work.go_on.release(2)
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, third) == ("known 0", "known 2")
    assert str(second) == "StopIteration was raised where there is nothing to iterate."


@pytest.mark.parametrize(("number", "error"), [(-2, LookupError), (-4, RuntimeError)])
async def test_error_of_reading_is_everybodys_and_ends_with_its_round(number, error):
    work = Work()
    tasks = await work.ask(0, number, 2)
    work.go_on.release(2)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in answers] == [str, error, error]
    [again] = await work.ask(3)
    work.go_on.release()
    assert await again == "known 3"


async def test_who_has_gone_is_not_answered():
    work = Work()
    tasks = await work.ask(0, 1, 2)
    tasks[1].cancel()
    await asyncio.sleep(0)
    work.go_on.release(2)
    assert await asyncio.gather(tasks[0], tasks[2]) == ["known 0", "known 2"]
    assert work.rounds == [[0], [2]]


async def test_who_goes_in_the_middle_of_a_round_disturbs_nobody():
    work = Work()
    tasks = await work.ask(0, 1)
    tasks[0].cancel()
    await asyncio.sleep(0)
    work.go_on.release(2)
    assert await tasks[1] == "known 1"
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_round_for_which_there_is_no_thread_fails_and_the_next_one_does_not(monkeypatch):
    work = Work()
    work.go_on.release(1)

    def submit(*args):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(work.gathering, "_submit", submit)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await work.gathering(0)
    assert await work.one(1) == "known 1"


class SlowWork(Work):
    """Whoever asks for 1 waits for the gate; 2 is read by the same statement."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.pool = ThreadPoolExecutor(3)
        self.gathering = Batcher(
            self.pool.submit,
            1,
            read=self.read,
            answer=self.answer,
            kind=lambda asked, known: "slow",
            is_under_way=lambda asked, known: asked == 2,
        )
        self.go_on.release(10)

    def answer(self, asked: int, known: str) -> str:
        if asked == 1:
            assert self.gate.wait(timeout=60)
        return super().answer(asked, known)


async def test_who_is_read_by_the_statement_that_takes_long_is_not_read_again(monkeypatch):
    monkeypatch.setattr("realtime.hub.batching.PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr("realtime.hub.batching.SLOW_SECONDS", 3600.0)
    work = SlowWork()
    tasks = await work.ask(0, 1, 2, 3)
    await until(lambda: tasks[3].done())
    assert not tasks[2].done()
    work.gate.set()
    assert await asyncio.gather(*tasks) == ["known 0", "known 1", "known 2", "known 3"]
    assert work.rounds == [[0], [1, 2, 3], [3]]


async def test_statement_that_is_slow_keeps_nobody(monkeypatch):
    monkeypatch.setattr("realtime.hub.batching.PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr("realtime.hub.batching.SLOW_SECONDS", 0.02)
    work = SlowWork()
    tasks = await work.ask(0, 1, 2)
    await until(lambda: tasks[2].done())
    assert not tasks[1].done()
    work.gate.set()
    await tasks[1]


async def test_those_of_a_kind_that_is_fast_again_go_together(monkeypatch):
    monkeypatch.setattr("realtime.hub.batching.PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr("realtime.hub.batching.SLOW_SECONDS", 0.02)
    monkeypatch.setattr("realtime.hub.batching.MAX_LATE", 1)
    work = SlowWork()
    tasks = await work.ask(0, 1)
    await until(lambda: work.gathering._slow)
    monkeypatch.setattr("realtime.hub.batching.PATIENCE_SECONDS", 60.0)
    tasks += await work.ask(3, 4, 5, 6)
    await until(lambda: len(work.gathering._apart) == 4)
    work.gate.set()
    await asyncio.gather(*tasks)
    assert sorted(work.rounds[-1]) == [4, 5, 6]
