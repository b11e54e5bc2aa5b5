"""Patches of rows: what the server makes of two rows turns the first into the second."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client.live_text import LiveTexts
from realtime.protocol import patches
from realtime.protocol.patches import apply_patch, make_patch

CASES = json.loads((Path(__file__).parent / "cases" / "patches.json").read_text())
ROW = "<li>" + "".join(f'<p class="field{number}">{number}</p>' for number in range(9)) + "</li>"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_patch(case):
    texts = LiveTexts()
    for field, text in case.get("texts", {}).items():
        texts.add("7", field, 0, text)
    read = partial(texts.read, "7")
    if case["result"] is None:
        with pytest.raises(ValueError, match=r"."):
            apply_patch(case["row"], case["patch"], read)
    else:
        assert apply_patch(case["row"], case["patch"], read) == case["result"]


def encoded(row: Any) -> bytes:
    return msgspec.json.encode(row)


def patch(old: Any, new: Any) -> Any:
    """The patch, which makes the new row of the old one; None if there is none."""
    made = make_patch(encoded(old), encoded(new))
    if made is None:
        return None
    assert len(made) < len(encoded(new))
    assert apply_patch(old, json.loads(made)) == new
    return json.loads(made)


TEXTS = st.text(st.sampled_from("ab <é😀\n"), max_size=40)
ROWS = st.one_of(
    TEXTS,
    st.dictionaries(st.sampled_from("abc"), st.one_of(TEXTS, st.integers(0, 3), st.lists(st.integers(), max_size=2))),
    st.none(),
    st.lists(TEXTS, max_size=2),
)


@given(
    ROWS,
    ROWS,
    st.sampled_from([0, 5]),
    st.sampled_from([0, 10, 1000]),
    st.sampled_from([1, 5]),
    st.sampled_from([0, 5, 50_000]),
)
def test_patch_turns_one_row_into_the_other(old, new, long_text, searched, least_kept, most_compared):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(patches, "LONG_TEXT", long_text)
        monkeypatch.setattr(patches, "SEARCHED", searched)
        monkeypatch.setattr(patches, "LEAST_KEPT", least_kept)
        monkeypatch.setattr(patches, "MOST_COMPARED", most_compared)
        patch(old, new)


@given(TEXTS, TEXTS)
def test_edits_turn_one_text_into_the_other(old, new):
    made = json.loads(patches._edits(encoded(old), encoded(new)))
    assert apply_patch(old, made) == new


def test_text_that_grows_costs_what_was_added():
    text = "x" * 8000
    assert patch({"text": text}, {"text": text + "more"})["edit"]["text"][1:] == [8000, 0, "more"]
    assert patch(text, text + "more")[1:] == [8000, 0, "more"]


def test_one_of_forty_fields_costs_at_most_15_percent_of_the_row():
    old = {f"field{number}": f"value {number}" for number in range(40)}
    new = old | {"field7": "another value"}
    assert patch(old, new) == {"set": {"field7": "another value"}}
    assert len(make_patch(encoded(old), encoded(new))) <= 0.15 * len(encoded(new))


def test_two_places_of_a_row_of_html_are_two_edits():
    new = ROW.replace("field1", "field1 is-new").replace("7<", "seven<")
    edits = patch(ROW, new)
    assert len(edits) == 1 + 2 * 3
    assert sum(len(each) for each in edits[3::3]) < 40


def test_texts_of_few_words_again_and_again_are_compared_only_a_little(monkeypatch):
    compared = []

    class Matcher(patches.SequenceMatcher):
        def find_longest_match(self, start, end, other_start, other_end):
            compared.append(sum(self.b.count(word) for word in self.a[start:end]))
            return super().find_longest_match(start, end, other_start, other_end)

    monkeypatch.setattr(patches, "SequenceMatcher", Matcher)
    few, many = " a" * 100, " a" * 490
    patch(f"<p>{few}</p>", "<p>" + " a b" * 50 + "</p>")
    assert 0 < sum(compared) <= patches.MOST_COMPARED
    compared.clear()
    old, new = f"<p>x{many}</p>{ROW * 5}", "<p>y" + " a b" * 245 + f" c</p>{ROW * 5}"
    assert len(patch(old, new)) == 1 + 3
    assert not compared


def test_short_texts_are_replaced():
    assert patch({"a": "one text", "b": "x" * 20}, {"a": "one texts", "b": "x" * 20}) == {"set": {"a": "one texts"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "text": ROW}, {"b": 1, "text": ROW}),
        ({"text": ROW}, {"text": ROW, "b": 1}),
        (None, {"text": ROW}),
        ({"text": ROW}, None),
        ({"text": ROW}, ROW),
        (["x" * 200, 1], ["x" * 200, 2]),
    ],
    ids=["short row", "other fields", "more fields", "from nothing", "to nothing", "another kind", "list"],
)
def test_row_that_no_patch_makes_shorter_has_none(old, new):
    assert patch(old, new) is None


def test_integer_of_any_size_is_kept():
    old = b'{"a":123456789012345678901234567890,"b":"xxxxxxxxxxxxxxxxxxxxxxxxxx"}'
    made = make_patch(old, old.replace(b"890,", b"891,"))
    assert made == b'{"set":{"a":123456789012345678901234567891}}'
