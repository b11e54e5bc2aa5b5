"""Live texts on the wire, and the cases that are shared with the browser's half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realtime.client.live_text import LiveTexts
from realtime.protocol.live_text import GrowingText, TextName, TextUpdate

CASES = json.loads((Path(__file__).parent / "cases" / "live_text.json").read_text())
NAME = TextName("default", "chat.message", "7", "text")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_text_is_shown_as_far_as_it_is_known(case):
    texts, saved = LiveTexts(), ""
    for step, shown in case["steps"]:
        [(what, value)] = step.items()
        if what == "save":
            saved = value
        elif what == "add":
            texts.add("7", "text", *value)
        else:
            texts.end("7", "text", value)
        assert texts.shown("7", {"id": 7, "text": saved}) == {"id": 7, "text": shown}


def test_a_row_without_the_field_stays_as_it_is():
    for row in ({"id": 7}, {"text": None}, None, "<p></p>"):
        texts = LiveTexts()
        texts.add("7", "text", 0, "a")
        assert texts.shown("7", row) == row


def test_a_text_is_forgotten_when_its_row_does_not_show_it():
    texts = LiveTexts()
    texts.add("7", "text", 0, "Old.")
    assert texts.shown("7", {"id": 7}) == {"id": 7}
    assert texts.shown("7", {"text": ""}) == {"text": ""}


def grown(*chunks: str, first: int = 0, most: int = 1000) -> GrowingText:
    text = GrowingText(first, most)
    for chunk in chunks:
        text.append(chunk)
    return text


def test_a_growing_text_is_read_by_code_units():
    text = grown("a😀", "é", first=10)
    assert (text.end, text.read(10, 14), text.read(11, 13)) == (14, "a😀é", "😀")


def test_a_long_text_keeps_its_end_and_cuts_no_character():
    text = grown("😀😀", "ab", most=5)
    assert (text.first, text.end, text.read(text.first, text.end)) == (2, 6, "😀ab")


class TestUpdate:
    def update(self, **changes) -> TextUpdate:
        given = {"number": 5, "query": 3, "name": NAME, "start": 4, "end": 6, "text": grown("abcdef")}
        return TextUpdate(**{**given, **changes})

    def test_who_has_what_came_before_gets_what_follows(self):
        assert self.update().after(4).text == '[5,"ef"]'

    def test_who_has_nothing_gets_all_that_the_writer_has_added(self):
        assert self.update(text=grown("cdef", first=2)).after(None).text == (
            '{"type":"text","number":5,"query":3,"key":"7","field":"text","offset":2,"text":"cdef"}'
        )

    def test_whose_next_page_continues_gets_what_follows_with_its_offset(self):
        assert json.loads(self.update().again().text)["offset"] == 4

    def test_who_has_missed_some_gets_the_rest(self):
        assert json.loads(self.update().after(1).text)["offset"] == 1

    def test_who_has_all_gets_nothing(self):
        assert self.update().after(6) is None

    def test_what_is_not_kept_any_more_is_left_out(self):
        message = json.loads(self.update(text=grown("abcdef", most=1)).after(1).text)
        assert (message["offset"], message["text"]) == (5, "f")

    def test_each_message_is_encoded_once(self):
        update = self.update()
        assert update.after(4) is update.after(4)

    def test_what_was_dropped_before_it_was_sent_is_not_sent(self):
        text = grown("Once ", most=10)
        update = TextUpdate(number=3, query=5, name=NAME, start=0, end=5, text=text)
        text.append("upon a time, very long")
        assert [update.after(known) for known in (None, 0, 3)] == [None, None, None]
