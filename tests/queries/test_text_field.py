"""Rows whose live text has grown: what is sent of them, and that clients make the same row of it."""

from __future__ import annotations

import json
import re
from functools import partial

import msgspec
import pytest

from realtime.client.live_text import LiveTexts
from realtime.protocol.live_text import GrowingText
from realtime.protocol.patches import apply_patch
from realtime.queries.sent import LATE_SECONDS, WITHHELD_SECONDS, RowMemory, SentRows
from realtime.queries.text_field import growth, shows_text, without_forged_texts


def raw(row) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(row))


def live(text: str, first: int = 0) -> GrowingText:
    made = GrowingText(first, 1000)
    made.append(text)
    return made


def li(text: str, state: str = "", tail: str = "") -> str:
    return f'<li class="{state}"><p data-live-text="text">{text}</p>{tail}</li>'


CASES = [
    # the row, the row after it, the live text, and whether nothing else has changed
    ({"id": 7, "text": "a😀"}, {"id": 7, "text": "a😀é!"}, "a😀é!", True),
    ({"id": 7, "text": "a"}, {"id": 7, "text": "abc"}, "ab", True),
    ({"text": "a", "state": "streaming"}, {"text": "abc", "state": "complete"}, "abc", False),
    (li("a"), li("a &lt;b&gt; &#x27;&amp;"), "a <b> '&", True),
    (li("a"), li("a&lt;bc"), "a<", True),
    (li("a", "streaming", "<b>Stop</b>"), li("a&amp;b", "complete", "<i>x</i>"), "a&b", False),
]


@pytest.mark.parametrize(("old", "new", "text", "is_all"), CASES)
def test_a_patch_refers_to_the_text_that_was_sent(old, new, text, is_all):
    texts = LiveTexts()
    texts.add("7", "text", 0, text)
    found = growth(raw(old), raw(new), {"text": live(text)})
    assert found is not None
    assert found.is_all is is_all
    patch = json.loads(bytes(found.patch))
    assert apply_patch(old, patch, partial(texts.read, "7")) == new
    with pytest.raises(ValueError, match="text"):
        apply_patch(old, patch)


@pytest.mark.parametrize(("old", "new"), [({"text": "a"}, {"text": "ab"}), (li("a"), li("a&lt;"))])
def test_a_patch_does_not_refer_to_a_text_that_the_row_has_caught_up_with(old, new):
    found = growth(raw(old), raw(new), {"text": live("a")})
    assert (found.is_all, found.sent, found.length) == (True, 1, 2)
    assert apply_patch(old, json.loads(bytes(found.patch))) == new


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        ({"text": "a"}, {"text": "ab"}, {}),
        ({"text": "a"}, {"text": "ab"}, {"text": live("ax")}),
        ({"text": "a"}, {"text": "ab"}, {"text": live("b", first=2)}),
        ({"text": "ab"}, {"text": "a"}, {"text": live("abc")}),
        ({"text": None}, {"text": "a"}, {"text": live("a")}),
        ({"text": "a"}, {"text": "ab", "more": 1}, {"text": live("ab")}),
        ({"text": "abc"}, {"text": "abcd"}, {"text": live("ab")}),
        (li("a"), li("ab"), {"text": live("ax")}),
        ({"text": ""}, {"text": "xy"}, {"text": live("a😀")}),
        ({"text": "x"}, {"text": "xy"}, {"text": live("😀a")}),
        (li("a"), "<li></li>", {"text": live("ab")}),
        (None, {"text": "a"}, {"text": live("a")}),
    ],
)
def test_what_is_no_growth_of_a_live_text_is_left_to_other_patches(old, new, texts):
    assert growth(raw(old), raw(new), texts) is None


def test_a_row_shows_a_text_where_data_or_an_element_has_it():
    shown = [{"text": "", "id": 1}, li("a &lt; b"), {"text": None}, {"id": 1}, "<p>text</p>", li("<b>a</b>"), None]
    assert [shows_text(raw(row), "text") for row in shown] == [True, True, False, False, False, False, False]


def test_html_that_a_row_did_not_show_by_the_tag_takes_no_live_text():
    row = li("a &lt; b")
    assert without_forged_texts(row, {"text": "a < b"}) == row
    for html, texts in [
        (row, {}),  # a user has written it
        (li("a &lt;…"), {"text": "a < b"}),  # a filter has cut it
        (li("a") + '<i data-live-text="secret"></i>', {"text": "a"}),
        (li("a") + '<i title="<" data-live-text="text"></i>', {"text": "a"}),
        (li("<b>a</b>"), {"text": "a"}),
    ]:
        assert "data-live-text" not in (found := without_forged_texts(html, texts))
        assert re.sub(' data-live-text="[a-z]+"', "", html) == found


def test_a_text_is_cut_at_its_end_but_not_within_a_character():
    for length, text in [(0, ""), (1, "a"), (2, "a"), (3, "a😀"), (9, "a😀b")]:
        made = live("a😀b")
        made.cut(length)
        assert made.read(0, made.end) == text
    made = live("b", first=3)
    made.cut(1)
    assert (made.first, made.end) == (3, 3)


def sent_rows(text: str) -> SentRows:
    """Return rows of which one was sent with the text "a", and has a live text."""
    memory = RowMemory(1_000_000)
    memory.texts = {("chat.message", "7"): {"text": live(text)}}
    rows = SentRows(memory, "chat.message")
    rows.texts = {("7", "text")}
    rows.note({"7": raw({"text": "a"})}, ())
    rows.confirm()
    return rows


def see(rows: SentRows, text: str) -> dict:
    """Send the row with this text; return the patches."""
    row = {"7": raw({"text": text})}
    found = rows.known(row)
    rows.note(row, ())
    rows.confirm()
    return found.patches


def test_a_row_that_was_forgotten_while_it_was_withheld_is_sent_whole():
    rows = sent_rows("ab")
    assert see(rows, "ab") == {"7": None}
    assert (rows.overdue(), list(rows.withheld)) == ([], ["7"])
    rows.evict("7")
    assert rows.overdue() == ["7"]
    assert see(rows, "ab") == {}
    assert not rows.withheld


def test_a_patch_does_not_refer_to_what_clients_dropped_before_the_text_became_shorter():
    rows = sent_rows("one two three")
    rows.evict("7")
    for text in ("one two", "on"):  # the second one by hand
        see(rows, text)
    assert see(rows, "one two t") == {}  # the row is sent whole
    assert see(rows, "one two th") == {"7": None}
    assert list(rows.withheld) == ["7"]


def test_saved_text_is_awaited_as_live_text_for_a_moment(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    rows = sent_rows("ab")
    assert see(rows, "abcd") == {"7": None}
    assert rows.overdue() == []
    now += LATE_SECONDS
    assert rows.overdue() == ["7"]
    [patch] = see(rows, "abcd").values()
    assert json.loads(bytes(patch))["edit"]["text"][1:] == [1, 0, ["text", 1, 2], 0, 0, "cd"]
    assert not rows.withheld


def test_text_that_comes_late_makes_the_row_wait_longer(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    rows = sent_rows("ab")
    assert see(rows, "abcd") == {"7": None}
    rows._memory.texts["chat.message", "7"]["text"].append("cd")
    now += LATE_SECONDS
    assert see(rows, "abcd") == {"7": None}
    assert rows.overdue() == []
    now += WITHHELD_SECONDS
    assert rows.overdue() == ["7"]
