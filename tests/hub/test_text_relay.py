"""TextRelay: which texts it passes on when there are many, and what it says of one that another writer continues."""

from __future__ import annotations

import json

import pytest

from realtime.hub import text_relay
from realtime.hub.text_relay import TextRelay
from realtime.protocol.live_text import TextEnd, TextName, TextPart


class Reader:
    """A client that keeps what it is sent, and the worker of the one live query that it sees."""

    alias = "default"

    def __init__(self) -> None:
        self.received: list[str] = []
        self.wakes = 0
        self.relay = TextRelay(lambda: [self], lambda alias: None)

    def audience(self, query):
        return [self]

    def wake(self):
        self.wakes += 1

    def send_text(self, update):
        self.received.append(json.loads(update.after(None).text)["text"])

    def end_text(self, query, ended):
        self.received.append(json.loads(ended.text)["length"])

    def write(self, key, text, *, writer="w", offset=0, show=True):
        self.relay.take(TextPart(TextName("default", "tests.answer", key, "text"), writer, offset, text))
        if show:
            self.relay.show(self, {}, {1: self.relay.of("default")})
        for each in self.relay._texts.values():
            self.relay._flush(each)


@pytest.fixture
async def reader():
    reader = Reader()
    yield reader
    reader.relay.close()


async def test_beyond_the_limit_the_texts_that_are_there_go_on(reader, monkeypatch):
    monkeypatch.setattr(text_relay, "MOST_TEXTS", 2)
    for offset in (0, 1):
        for key in "abc":
            reader.write(key, key, offset=offset)
    assert (reader.received, reader.wakes) == (["a", "b", "aa", "bb"], 2)
    monkeypatch.setattr(text_relay, "SILENT_SECONDS", 0)
    reader.write("c", "c")
    assert (reader.received[4:], reader.wakes) == (["c"], 3)


async def test_readers_drop_what_a_dead_writer_had_not_saved_when_the_next_begins(reader):
    reader.write("a", "not saved")
    reader.write("a", " saved", writer="next", offset=3, show=False)
    assert reader.received == ["not saved", 3, " saved"]


async def test_a_writer_that_was_taken_for_dead_is_not_heard(reader):
    reader.write("a", "one")
    reader.write("a", " two", writer="next", offset=3, show=False)
    reader.write("a", " old", offset=3, show=False)
    reader.relay.take(TextEnd(TextName("default", "tests.answer", "a", "text"), "next", 5))
    reader.write("a", " late", writer="next", offset=7, show=False)
    assert reader.received == ["one", 3, " two", 5]


async def test_who_reads_slowly_does_not_get_what_was_cut_at_the_end(reader):
    updates = []
    reader.send_text = updates.append
    reader.write("a", "saved, not saved")
    reader.relay.take(TextEnd(TextName("default", "tests.answer", "a", "text"), "w", 5))
    [update] = updates
    assert (json.loads(update.after(None).text)["text"], update.after(5)) == ("saved", None)
    assert json.loads(update.again().text)["text"] == "saved"


async def test_what_a_live_query_does_not_show_any_more_is_not_sent(reader):
    reader.write("a", "shown")
    reader.relay.show(reader, {1: []}, {})
    reader.write("a", " and not", offset=5, show=False)
    assert (reader.received, dict(reader.relay._shown)) == (["shown"], {})
