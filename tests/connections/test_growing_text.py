"""What a text that grows by ordinary saves costs its subscribers in bytes, all messages counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from realtime.hub import subscribers
from tests.models import Answer
from tests.support.wire import WireClient, until

STEP, SAVES, A_SECOND = 40, 200, 20
MOST_BYTES = 3.0  # times the text
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing " * 2


class CountingClient(WireClient):
    """Counts what it receives."""

    bytes = messages = short = 0

    def send(self, text: str) -> None:
        self.bytes += len(text.encode())
        self.messages += 1
        self.short += text.startswith("[")
        super().send(text)


@pytest.mark.parametrize("format", ["data", "html"])
async def test_each_save_is_sent_and_all_of_them_cost_at_most_three_times_the_text(
    shelf, elsewhere, monkeypatch, format
):
    now = 0.0  # a second has twenty saves, however long they take here
    monkeypatch.setattr(subscribers, "time", SimpleNamespace(monotonic=lambda: now))
    answer, text = await elsewhere.soon(Answer.objects.create, shelf=shelf), ""
    async with CountingClient() as reader:
        await reader.subscribe("answers", format=format, shelf=shelf.pk)
        before = reader.bytes
        for number in range(SAVES):
            text += WORDS[number % 50 :][:STEP]
            answer.text = text
            now = number / A_SECOND
            received = reader.messages
            await elsewhere.soon(answer.save)
            await until(lambda: text in str(reader.rows()))  # noqa: B023
            assert reader.messages == received + 1
        assert SAVES * STEP == len(text) < reader.bytes - before <= MOST_BYTES * len(text)
        assert reader.protocol.patches >= SAVES - 2


async def test_a_client_that_reconnects_gets_what_it_was_sent_without_a_cursor(shelf, elsewhere, monkeypatch):
    monkeypatch.setattr(subscribers, "CURSOR_SECONDS", 1000.0)
    answer = await elsewhere.soon(Answer.objects.create, shelf=shelf, text="a" * 200)
    async with CountingClient() as reader:
        await reader.subscribe("answers", shelf=shelf.pk)
        for number in range(4):
            await elsewhere.soon(Answer.objects.filter(pk=answer.pk).update, text="a" * 200 + str(number))
            await until(lambda: str(number) == reader.rows()[0]["text"][-1])  # noqa: B023
        assert reader.short == 3
    async with CountingClient(protocol=reader.protocol) as again:
        await until(lambda: again.protocol.live)
        [delta] = again.protocol.frames[-1]["deltas"]
        assert [put["row"]["text"][-1] for put in delta["puts"]] == ["3"]
