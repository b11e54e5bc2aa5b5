"""Bytes made up for the codec, led by what makes it do most: each is a message or a refusal, with little work.

`REALTIME_TEST_FUZZ=100000` tries so many of them (`make faults`); without it there are few.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from realtime.exceptions import BadMessage, TooLarge
from realtime.protocol import codec
from tests.support.work import lines

EXAMPLES = int(os.environ.get("REALTIME_TEST_FUZZ", "200"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))

SEEDS = [
    '{"type":"hello","version":1,"token":"t"}',
    '{"type":"subscribe","id":1,"stream":"s","params":{"a":1},"cursor":"e.1","fingerprint":"v"}',
    '{"type":"call","id":"c","token":"t","action":"a","args":{"x":[1,{"y":"\\u0000"}]}}',
    '{"type":"present","id":1,"data":{"x":[[[]]]}}',
    '{"type":"ack","messages":3}',
]
PIECES = [
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    ":",
    "\\",
    "\\\\",
    r"\u0000",
    r"\ud800",
    "null",
    "1e999",
    "-0",
    "0" * 400,
    "é",
    " ",
]
edits = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from(PIECES), st.integers(1, 3000), st.integers(0, 5)), max_size=6
)


def spoilt(seed: str, changes: list[tuple[int, str, int, int]]) -> str:
    for place, piece, times, cut in changes:
        at = place % (len(seed) + 1)
        seed = seed[:at] + piece * times + seed[at + cut :]
    return seed


@FUZZ
@given(st.sampled_from(SEEDS), edits)
def test_anything_is_a_message_or_a_refusal_and_takes_little_work(seed, changes):
    text = spoilt(seed, changes)

    def read() -> None:
        with suppress(BadMessage, TooLarge):
            codec.decode(text, max_bytes=64 * 1024)

    work = lines(read)
    target(float(work), label="lines")
    target(float(len(text)), label="size")
    assert work < 200


@FUZZ
@given(st.lists(st.sampled_from(SEEDS), max_size=300), edits)
def test_any_body_is_messages_or_a_refusal(seeds, changes):
    body = spoilt(f"[{','.join(seeds)}]", changes).encode(errors="surrogatepass")
    with suppress(BadMessage, TooLarge):
        for text in codec.split(body):
            assert json.loads(text) is not ...
