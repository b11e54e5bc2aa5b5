"""ElasticPool: few threads for short work, more while some is long, and never more than its bound."""

from __future__ import annotations

import asyncio
import threading

from realtime.hub.elastic_pool import MAX_LATE, ElasticPool
from realtime.hub.threads import close_pool
from tests.support.waiting import seconds
from tests.support.wire import until


async def test_long_work_keeps_its_thread_and_short_work_gets_another():
    pool, go_on = ElasticPool(1, "realtime-test"), threading.Event()
    long = pool.submit(go_on.wait, seconds(20))
    assert await asyncio.wrap_future(pool.submit(int, "7")) == 7
    assert not long.done()
    go_on.set()
    await close_pool(pool)


async def test_work_beyond_the_bound_waits_and_is_done_when_a_thread_is_free():
    pool, go_on = ElasticPool(1, "realtime-test"), threading.Semaphore(0)
    working: list[int] = []

    def work(number: int) -> int:
        working.append(number)
        go_on.acquire(timeout=seconds(20))
        return number

    futures = [asyncio.wrap_future(pool.submit(work, number)) for number in range(MAX_LATE + 3)]
    await until(lambda: len(working) == MAX_LATE + 1)
    await asyncio.sleep(0.3)
    assert len(working) == MAX_LATE + 1
    go_on.release(len(futures))
    assert await asyncio.gather(*futures) == list(range(MAX_LATE + 3))
    await close_pool(pool)


async def test_error_is_the_callers_and_what_nobody_waits_for_any_more_is_not_done():
    pool, go_on = ElasticPool(1, "realtime-test"), threading.Event()
    for _ in range(MAX_LATE + 1):  # so that what follows waits: no thread is left to be made for it
        pool.submit(go_on.wait, seconds(20))
    done: list[int] = []
    assert pool.submit(done.append, 1).cancel()
    failed = pool.submit(int, "x")
    go_on.set()
    (error,) = await asyncio.gather(asyncio.wrap_future(failed), return_exceptions=True)
    assert (type(error), done) == (ValueError, [])
    await close_pool(pool)
