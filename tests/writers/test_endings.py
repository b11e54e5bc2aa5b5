"""The end of a live text is saved, however its task or its database ends."""

from __future__ import annotations

import asyncio
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections

import realtime
from realtime.actions import text_leases
from realtime.actions.text_leases import target_of
from realtime.models import TextLease
from realtime.writers import draft as drafts
from realtime.writers.draft import Draft
from tests.models import Answer
from tests.support.waiting import seconds


@pytest.fixture
def answer(shelf, elsewhere) -> Answer:
    return elsewhere(Answer.objects.create, shelf=shelf)


@pytest.fixture
async def _closed():
    yield
    await sync_to_async(connections.close_all)()  # those of the test's own thread for async queries


async def until_ended(elsewhere, answer: Answer, *values: str) -> None:
    async with asyncio.timeout(seconds(10)):
        while await elsewhere.soon(TextLease.objects.exists):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await elsewhere.soon(Answer.objects.values_list("text", "state").get, pk=answer.pk) == values


@pytest.mark.usefixtures("_closed")
async def test_a_task_that_is_cancelled_again_while_it_ends_leaves_what_it_wrote(answer, elsewhere):
    begun = asyncio.Event()

    async def work():
        async with realtime.live_text(answer, "text", state_field="state", save_seconds=60) as out:
            await out.write("half")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    while not task.done():  # as a scope of anyio does
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    await until_ended(elsewhere, answer, "half", "cancelled")


@pytest.mark.usefixtures("_closed")
async def test_a_task_that_is_cancelled_while_it_begins_leaves_no_lease(answer, elsewhere, monkeypatch):
    original, begun = text_leases.acquire, asyncio.Event()
    loop = asyncio.get_running_loop()

    def acquire(*args):
        text = original(*args)
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.05)  # the task is cancelled meanwhile
        return text

    monkeypatch.setattr(text_leases, "acquire", acquire)

    async def work():
        async with realtime.live_text(answer, "text", state_field="state"):
            raise AssertionError("not reached")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_ended(elsewhere, answer, "", "cancelled")


def test_a_database_that_does_not_answer_at_the_end_is_tried_again(answer, committed, monkeypatch):
    original, failures = text_leases.finish, [OperationalError("gone"), OperationalError("gone")]

    def finish(*args):
        if failures:
            raise failures.pop()
        original(*args)

    monkeypatch.setattr(text_leases, "finish", finish)
    monkeypatch.setattr(drafts, "RETRY_SECONDS", 0.01)
    with realtime.live_text(answer, "text", state_field="state", save_seconds=60) as out:
        out.write("whole")
    assert Answer.objects.values_list("text", "state").get() == ("whole", "complete")
    monkeypatch.setattr(drafts, "FINISH_SECONDS", 0)
    with pytest.raises(OperationalError), realtime.live_text(answer, "text"):
        failures += [OperationalError("gone")] * 2


def test_saving_the_object_afterwards_changes_nothing(answer, committed):
    with realtime.live_text(answer, "text", state_field="state") as out:
        out.write("whole")
    answer.save()
    assert Answer.objects.values_list("text", "state").get() == ("whole", "complete")


def test_a_row_that_was_read_from_a_replica_is_written_where_the_router_says(answer, committed, settings):
    settings.DATABASE_ROUTERS = [Primary()]
    answer._state.db = "replica"
    with realtime.live_text(answer, "text") as out:
        out.write("whole")
        assert realtime.stop_text(answer, "text") is True
    assert Answer.objects.get().text == "whole"


class Primary:
    """Reads from a replica, writes to the primary database."""

    def db_for_write(self, model, **hints):
        return "default"


def test_a_long_text_of_many_chunks_takes_no_longer_for_each(answer, monkeypatch):
    monkeypatch.setattr(drafts, "publish_text", lambda message: None)
    draft = Draft(target_of(answer, "text", ""))
    for _ in range(100_000):  # ten minutes, which no test has, if the text were copied each time
        draft.append("A line of the log of a job that says a lot about it.\n")
    assert len(draft.text) == 5_300_000
