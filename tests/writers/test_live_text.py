"""Live texts: readers see them grow, and what is saved is a prefix of what was written."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction

import realtime
from realtime.actions import text_leases
from realtime.actions.text_leases import fail_expired
from realtime.exceptions import LiveTextError, TextBusy, TextLost
from realtime.models import TextLease
from tests.models import Answer, Book
from tests.support.wire import WireClient, until


@pytest.fixture
def answer(shelf, elsewhere) -> Answer:
    return elsewhere(Answer.objects.create, shelf=shelf, secret="not shown")


@pytest.fixture
async def reader(shelf, answer):
    async with WireClient() as client:
        await client.subscribe("answers", shelf=shelf.pk)
        yield client


def shown(client: WireClient, field: str = "text") -> str:
    return client.protocol.subscriptions[1].shown[0][field]


async def stored(elsewhere, answer: Answer, *fields: str):
    return await elsewhere.soon(Answer.objects.values_list(*fields or ("text", "state")).get, pk=answer.pk)


class TestAsync:
    async def test_a_reader_sees_the_words_before_they_are_saved(self, reader, answer, elsewhere):
        async with realtime.live_text(answer, "text", save_seconds=60) as out:
            await until(lambda: any(frame["deltas"] for frame in reader.protocol.frames[1:]))
            await out.write("Once ")
            await until(lambda: shown(reader) == "Once ")
            await out.write("upon 😀 a ")
            await out.write("time")
            await until(lambda: shown(reader) == "Once upon 😀 a time")
            assert reader.rows()[0]["text"] in ("", "Once ")
        assert answer.text == "Once upon 😀 a time"
        await until(lambda: reader.rows()[0]["text"] == "Once upon 😀 a time")
        assert await stored(elsewhere, answer) == ("Once upon 😀 a time", "")
