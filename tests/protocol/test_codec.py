"""The codec reads what the protocol allows, and refuses the rest with a sentence that names no more than the rule."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import BadMessage, TooLarge
from realtime.protocol import codec
from realtime.protocol.messages import Ack, Call, Delta, Frame, Hello, Put, Subscribe, Unsubscribe
from tests.support.work import lines

LIMIT = 1000


def decode(message):
    text = message if isinstance(message, str | bytes) else json.dumps(message)
    return codec.decode(text, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ({"type": "hello", "version": 1}, Hello(version=1)),
        ({"type": "unsubscribe", "id": 0}, Unsubscribe(id=0)),
        ({"type": "ack", "messages": 12}, Ack(messages=12)),
        (
            {"type": "subscribe", "id": 1, "token": "eyJz", "cursor": "0kq3.41"},
            Subscribe(id=1, token="eyJz", cursor="0kq3.41"),
        ),
        (
            {"type": "subscribe", "id": 2, "stream": "tasks", "params": {"project": 7}, "format": "html"},
            Subscribe(id=2, stream="tasks", params={"project": 7}, format="html"),
        ),
        (
            {"type": "call", "id": "c1", "stream": "tasks", "action": "toggle", "args": {"pk": [3, {"a": None}]}},
            Call(id="c1", stream="tasks", action="toggle", args={"pk": [3, {"a": None}]}),
        ),
    ],
)
def test_messages_of_a_client_are_read(wire, message):
    assert decode(wire) == message


def test_unknown_fields_are_ignored():
    assert decode({"type": "ack", "messages": 1, "colour": "red", "nested": {"a": [1]}}) == Ack(messages=1)


def test_rows_are_objects_where_no_format_is_named():
    assert decode({"type": "subscribe", "id": 1, "stream": "tasks"}).format == "data"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "It is not complete JSON."),
        ("hello", "It is not valid JSON (at byte 0)."),
        ("[]", "It must be an object, not an array."),
        ("null", "It must be an object, not null."),
        ("{}", "It needs the field 'type'."),
        ('{"type":"ack"}', "It needs the field 'messages'."),
        ('{"type":"shout"}', "The field 'type' has an unknown value 'shout'."),
        ('{"type":7}', "The field 'type' must be a string."),
        ('{"type":"ack","messages":"1"}', "The field 'messages' must be an integer, not a string."),
        ('{"type":"ack","messages":-1}', "The field 'messages' must be an integer of at least 0."),
        ('{"type":"ack","messages":1.5}', "The field 'messages' must be an integer, not a decimal number."),
        ('{"type":"subscribe","id":4294967296}', "The field 'id' must be an integer of at most 2147483648."),
        ('{"type":"hello","version":1,"token":7}', "The field 'token' must be a string or null, not an integer."),
        (
            '{"type":"subscribe","id":1,"params":{"a":{}}}',
            (
                "A value in 'params' must be true or false, an integer, a number, a string, an array or null, "
                "not an object."
            ),
        ),
        (
            '{"type":"subscribe","id":1,"params":{"a":[[]]}}',
            "A value in 'params' must be true or false, an integer, a number, a string or null, not an array.",
        ),
        (
            '{"type":"subscribe","id":1,"format":"xml"}',
            (
                "The field 'format' must be 'data', 'pages', 'html', 'html:' and a template, or 'value:' and the "
                "name of a live value."
            ),
        ),
        (
            '{"type":"call","id":"","stream":"a","action":"b"}',
            "The field 'id' must be a string with a length of at least 1.",
        ),
        (
            '{"type":"call","id":"c","stream":"a","action":"b","args":[]}',
            "The field 'args' must be an object, not an array.",
        ),
        ('{"type":"ack","messages":1} {}', "It is not valid JSON (at byte 29)."),
    ],
)
def test_what_is_no_message_is_refused_with_the_rule(text, reason):
    with pytest.raises(BadMessage) as refused:
        decode(text)
    assert refused.value.reason == f"This is not a message of the protocol. {reason}"


@pytest.mark.parametrize("raw", [b"\xff", b'{"type":"\xff"}', b'{"type":"\xed\xa0\x80"}'])
def test_bytes_that_are_no_text_are_refused(raw):
    with pytest.raises(BadMessage):
        decode(raw)


@pytest.mark.parametrize("text", ['{"type":"unsubscribe","id":"\ud800"}', '{"type":"hello","version":1,"a":"\udfff"}'])
def test_half_of_a_character_is_refused(text):
    with pytest.raises(BadMessage):
        decode(text)


def test_message_at_the_limit_is_read_and_one_byte_more_refused():
    text = json.dumps({"type": "ack", "messages": 1, "pad": ""})
    fits = text[:-2] + "x" * (LIMIT - len(text)) + text[-2:]

    assert decode(fits) == Ack(messages=1)
    with pytest.raises(TooLarge) as refused:
        decode(fits + " ")
    assert refused.value.reason == "A message may have up to 1000 bytes; this one has 1001."


def test_limit_counts_bytes_not_characters():
    with pytest.raises(TooLarge):
        decode('{"type":"ack","messages":1,"pad":"' + "€" * 400 + '"}')


@pytest.mark.parametrize("escaped", [r"\u0000", r"a\u0000b", r"\\\u0000"])
def test_nul_is_refused_wherever_it_stands(escaped):
    for text in (
        f'{{"type":"call","id":"c","stream":"s","action":"a","args":{{"x":"{escaped}"}}}}',
        f'{{"type":"call","id":"c","stream":"s","action":"a","args":{{"{escaped}":1}}}}',
        f'{{"type":"subscribe","id":1,"stream":"{escaped}"}}',
    ):
        with pytest.raises(BadMessage) as refused:
            decode(text)
        assert refused.value.reason == "A message contains the character U+0000, which databases reject."


def test_backslash_before_the_letters_u0000_is_text():
    call = decode(r'{"type":"call","id":"c","stream":"s","action":"a","args":{"x":"\\u0000"}}')
    assert call.args == {"x": "\\u0000"}


def nested(levels):
    return '{"type":"call","id":"c","stream":"s","action":"a","args":{"x":' + "[" * levels + "]" * levels + "}}"


def test_depth_at_the_limit_is_read_and_one_level_more_refused():
    assert decode(nested(codec.MAX_DEPTH - 2)).id == "c"
    with pytest.raises(TooLarge) as refused:
        decode(nested(codec.MAX_DEPTH - 1))
    assert refused.value.reason == "A message may have up to 16 levels of nesting."


KILOBYTES = 60 * 1024
HOSTILE = {
    "side by side": "[],",
    "nested": "[" * 12 + "]" * 12 + ",",
    "texts of brackets": '"[[[",',
    "numbers": "0,",
    "numbers near the smallest": "7e-310,",
    "texts of such numbers": '"7e-310",',
    "backslashes": r'"\\\\",',
    "what looks like NUL": r'"\\u0000",',
}


@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("end", ["0]}}", "", '"'])
def test_work_for_a_large_message_does_not_grow_with_its_bytes(part, end):
    text = '{"type":"call","id":"c","stream":"s","action":"a","args":{"x":[' + part * (KILOBYTES // len(part)) + end

    def read() -> None:
        with suppress(BadMessage, TooLarge):
            codec.decode(text, max_bytes=2 * KILOBYTES)

    assert lines(read) < 100


def test_arrays_and_objects_are_counted_before_they_are_made():
    def call(number: int) -> str:
        return nested(3).replace("[]", "[" + ",".join(["{}"] * number) + "]")

    assert codec.decode(call(codec.MAX_CONTAINERS - 10), max_bytes=KILOBYTES)
    with pytest.raises(TooLarge, match="A message may contain up to 5000 arrays and objects."):
        codec.decode(call(codec.MAX_CONTAINERS + 1), max_bytes=KILOBYTES)


@pytest.mark.parametrize("number", ["7e-310", "1.7976931348623157E308", "1e-0320", "2e+300"])
def test_numbers_that_take_long_to_read_are_counted_before_they_are_read(number):
    def call(times: int) -> str:
        return nested(3).replace("[]", "[" + ",".join([number] * times) + "]")

    assert codec.decode(call(codec.MAX_EXTREMES), max_bytes=KILOBYTES)
    rule = "contain up to 100 numbers with an exponent of three digits."
    with pytest.raises(TooLarge, match=f"A message may {rule}"):
        codec.decode(call(codec.MAX_EXTREMES + 1), max_bytes=KILOBYTES)
    with pytest.raises(TooLarge, match=f"A request may {rule}"):
        codec.split(f"[{call(60)},{call(60)}]".encode())


def test_numbers_that_are_read_quickly_and_texts_are_not_counted():
    numbers = nested(3).replace("[]", "[" + ",".join(["1.5e-10", "0.12345678901234567", "6e23"] * 500) + "]")
    assert codec.decode(numbers, max_bytes=KILOBYTES)
    texts = nested(3).replace("[]", "[" + ",".join(['"1e300"'] * 500) + "]")
    assert codec.decode(texts, max_bytes=KILOBYTES)


def test_brackets_in_texts_are_no_depth():
    for text in ("[" * 100, r"\"" + "{" * 100, "\\\\" + "[" * 100):
        message = '{"type":"call","id":"c","stream":"s","action":"a","args":{"x":"' + text + '"}}'
        assert decode(message).args["x"].count("[" if "[" in text else "{") == 100


def test_brackets_side_by_side_are_no_depth():
    assert decode(nested(1).replace("[]", "[" + "[]," * 100 + "[]]")).id == "c"


def test_depth_that_would_exhaust_the_stack_is_refused():
    with pytest.raises(TooLarge):
        codec.decode("[" * 100_000, max_bytes=1_000_000)


@given(st.text() | st.binary())
def test_nothing_but_a_refusal_comes_of_noise(data):
    with pytest.raises((BadMessage, TooLarge)):
        codec.decode(data, max_bytes=LIMIT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "token", "stream", "params", "format", "cursor", "version", "frames", "action", "args"]
        ),
        JSON,
    ),
    st.sampled_from(["hello", "subscribe", "unsubscribe", "call", "ack"]),
)
def test_fields_of_any_shape_give_a_message_or_a_refusal(fields, kind):
    with suppress(BadMessage, TooLarge):
        message = codec.decode(json.dumps({**fields, "type": kind}), max_bytes=10**6)
        assert type(message).__name__.lower() == kind


def test_array_is_split_into_the_texts_of_its_messages():
    assert codec.split(b' [{"type": "hello", "version":1},\n"noise", [1, 2] ]') == [
        '{"type": "hello", "version":1}',
        '"noise"',
        "[1, 2]",
    ]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1", b"1", b'["\xff"]', b"[1] [2]"])
def test_what_is_no_array_is_refused(raw):
    with pytest.raises(BadMessage, match="This is not an array of messages. It "):
        codec.split(raw)


@pytest.mark.parametrize("body", [b"0," * 100_000, b'{"type":"ack"},' * 257, b"{}," * 20_000, b'"' + b"[" * 100_000])
def test_array_of_too_much_is_refused_before_anything_is_made_of_it(body):
    with pytest.raises((BadMessage, TooLarge)):
        codec.split(b"[" + body + b"0]")
    assert lines(lambda: codec.split(b"[" + b'{"type":"ack"},' * 200 + b'{"type":"ack"}]')) < 500


def test_array_has_so_many_bytes_and_messages_and_no_more():
    assert len(codec.split(b"[1,2,3]", max_bytes=7, max_messages=3)) == 3
    with pytest.raises(TooLarge, match="A request may have up to 6 bytes."):
        codec.split(b"[1,2,3]", max_bytes=6)
    with pytest.raises(TooLarge, match="A request may contain up to 2 messages."):
        codec.split(b"[1,2,3]", max_messages=2)


def test_array_is_as_deep_as_its_messages():
    assert codec.split(f"[{nested(codec.MAX_DEPTH - 2)}]".encode())
    with pytest.raises(TooLarge):
        codec.split(b"[" * 100_000)


@given(st.binary(max_size=200))
def test_nothing_but_a_refusal_comes_of_splitting_noise(data):
    with suppress(BadMessage, TooLarge):
        assert all(isinstance(text, str) for text in codec.split(data))


def test_delta_leaves_out_what_is_not_there():
    put = Put(key="3", row=msgspec.Raw(b'"c"'))
    first = Put(key="4", row=msgspec.Raw(b'{"id":4}'), after=None)

    assert codec.encode_delta(Delta(query=1)) == b'{"query":1}'
    assert codec.encode_delta(Delta(query=1, puts=(put, first), drops=("9",))) == (
        b'{"query":1,"puts":[{"key":"3","row":"c"},{"key":"4","row":{"id":4},"after":null}],"drops":["9"]}'
    )
    assert codec.encode_delta(Delta(query=1, reset=True)) == b'{"query":1,"reset":true}'
    assert codec.encode_delta(Delta(query=1, order=())) == b'{"query":1,"order":[]}'


def test_delta_is_true_where_something_changed():
    assert not Delta(query=1)
    assert all([Delta(query=1, reset=True), Delta(query=1, drops=("1",)), Delta(query=1, order=())])


def test_frame_is_put_together_of_deltas_encoded_before():
    frame = codec.encode_frame(log=0, cursor="e.1", deltas=[b'{"query":1}', b'{"query":2}'])

    assert frame.text == '{"type":"frame","log":0,"cursor":"e.1","deltas":[{"query":1},{"query":2}]}'
    assert frame.size == len(frame.text)


def test_size_counts_bytes():
    frame = codec.encode_frame(log=0, cursor="€", deltas=[])
    assert frame.size == len(frame.text) + 2


def test_value_that_json_does_not_have_is_refused():
    with pytest.raises(TypeError):
        codec.encode_value(object())
    assert codec.encode_value({1, 2} - {2}, default=list) == b"[1]"


def test_message_of_a_server_is_read_and_noise_refused():
    wire = '{"type":"frame","log":0,"cursor":"e.1","deltas":[{"query":1}]}'

    assert codec.decode_server(wire) == Frame(log=0, cursor="e.1", deltas=(msgspec.Raw(b'{"query":1}'),))
    with pytest.raises(BadMessage):
        codec.decode_server('{"type":"hello","version":1}')
