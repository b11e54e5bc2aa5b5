"""The cases of the Autobahn test suite that concern an endpoint which is no echo, over bare sockets.

In brackets are the numbers of its sections.
"""

from __future__ import annotations

import struct

import pytest

from tests.support.rawsocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

HELLO = b'{"type":"hello","version":1}'
PROTOCOL_ERROR, INVALID_TEXT, TOO_BIG = 1002, 1007, 1009


def closing(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


def assert_failed(socket, *codes: int) -> None:
    """The server has ended the connection: with one of these codes, or, as daphne does, without a word (7.1.7)."""
    messages, code = socket.end()
    assert messages == []
    assert code in (*codes, None)


def greeted(socket):
    socket.send(frame(TEXT, HELLO))
    assert socket.message()["type"] == "welcome"
    return socket


class TestPings:
    """[2] and [10]."""

    @pytest.mark.parametrize("payload", [b"", b"ping", bytes(range(125)), b"\x00\xff\xfe\xfd"])
    def test_ping_is_answered_with_its_payload(self, raw, payload):
        socket = raw()
        socket.send(frame(PING, payload))
        assert socket.read() == (PONG, payload)

    def test_ten_pings_are_answered_in_their_order(self, raw):
        socket = raw()
        socket.send(b"".join(frame(PING, b"%d" % number) for number in range(10)))
        assert [socket.read() for _ in range(10)] == [(PONG, b"%d" % number) for number in range(10)]

    def test_ping_that_comes_byte_by_byte_is_answered(self, raw):
        socket = raw()
        for byte in frame(PING, b"slow"):
            socket.send(bytes([byte]))
        assert socket.read() == (PONG, b"slow")

    def test_pong_that_nobody_asked_for_means_nothing(self, raw):
        socket = raw()
        socket.send(frame(PONG, b"unasked"))
        greeted(socket)

    def test_ping_longer_than_a_control_frame_may_be_ends_the_connection(self, raw):
        socket = raw()
        socket.send(frame(PING, b"x" * 126))
        assert_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_reserved_bits_end_the_connection(raw, rsv, opcode):
    """[3]"""
    socket = raw()
    socket.send(frame(opcode, b"" if opcode == CLOSE else HELLO, rsv=rsv))
    assert_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes_end_the_connection(raw, opcode):
    """[4]"""
    socket = raw()
    socket.send(frame(opcode, HELLO))
    assert_failed(socket, PROTOCOL_ERROR)


class TestFragments:
    """[5]"""

    @pytest.mark.parametrize("size", [1, 5, 27])
    def test_message_in_parts_is_one_message(self, raw, size):
        socket = raw()
        parts = [HELLO[start : start + size] for start in range(0, len(HELLO), size)]
        for place, part in enumerate(parts):
            socket.send(frame(CONTINUATION if place else TEXT, part, fin=part is parts[-1]))
        assert socket.message()["type"] == "welcome"

    def test_ping_between_parts_is_answered_at_once(self, raw):
        socket = raw()
        socket.send(frame(TEXT, HELLO[:5], fin=False) + frame(PING, b"now"))
        assert socket.read() == (PONG, b"now")
        socket.send(frame(CONTINUATION, HELLO[5:]))
        assert socket.message()["type"] == "welcome"

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_control_frame_in_parts_ends_the_connection(self, raw, opcode):
        socket = raw()
        socket.send(frame(opcode, b"", fin=False))
        assert_failed(socket, PROTOCOL_ERROR)

    @pytest.mark.parametrize("fin", [True, False])
    def test_continuation_of_nothing_ends_the_connection(self, raw, fin):
        socket = raw()
        socket.send(frame(CONTINUATION, HELLO, fin=fin))
        assert_failed(socket, PROTOCOL_ERROR)

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_message_within_a_message_ends_the_connection(self, raw, opcode):
        socket = raw()
        socket.send(frame(TEXT, HELLO[:5], fin=False) + frame(opcode, HELLO[5:]))
        assert_failed(socket, PROTOCOL_ERROR)


class TestText:
    """[6]"""

    BAD = [
        b"\x80",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited",
        b"\xe2\x82",
    ]

    @pytest.mark.parametrize("text", BAD)
    def test_text_that_is_not_utf8_ends_the_connection(self, raw, text):
        socket = raw()
        socket.send(frame(TEXT, b'{"type":"' + text + b'"}' if text != b"\xe2\x82" else text))
        assert_failed(socket, INVALID_TEXT)

    def test_character_may_be_cut_by_a_fragment(self, raw):
        socket = raw()
        message = '{"type":"hello","version":1,"more":"κόσμε"}'.encode()
        cut = message.index("κ".encode()) + 1
        socket.send(frame(TEXT, message[:cut], fin=False) + frame(CONTINUATION, message[cut:]))
        assert socket.message()["type"] == "welcome"

    def test_bad_text_is_noticed_before_the_message_is_whole(self, raw):
        socket = raw()
        socket.send(frame(TEXT, b'{"type":"\xf4\x90', fin=False))
        assert_failed(socket, INVALID_TEXT)

    @pytest.mark.parametrize("text", ["￾￿", "\U0001ffff", "\U0010ffff", "﷐"])
    def test_characters_that_mean_nothing_are_text_all_the_same(self, raw, text):
        socket = raw()
        socket.send(frame(TEXT, f'{{"type":"hello","version":1,"more":"{text}"}}'.encode()))
        assert socket.message()["type"] == "welcome"


class TestClosing:
    """[7]"""

    @pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
    def test_close_is_answered(self, raw, code):
        socket = greeted(raw())
        socket.send(frame(CLOSE, closing(code)))
        assert socket.end()[1] in (code, 1000)

    def test_close_without_a_code_is_answered(self, raw):
        socket = greeted(raw())
        socket.send(frame(CLOSE))
        assert socket.end()[1] in (1000, 1005)

    @pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535])
    def test_close_with_a_code_that_may_not_be_sent_is_an_error(self, raw, code):
        socket = raw()
        socket.send(frame(CLOSE, closing(code)))
        assert_failed(socket, PROTOCOL_ERROR)

    def test_close_with_half_a_code_is_an_error(self, raw):
        socket = raw()
        socket.send(frame(CLOSE, b"\x03"))
        assert_failed(socket, PROTOCOL_ERROR)

    def test_close_with_a_reason_that_is_no_text_is_an_error(self, raw):
        socket = raw()
        socket.send(frame(CLOSE, closing(1000, b"\xce\xba\xf4\x90\x80\x80")))
        assert_failed(socket, PROTOCOL_ERROR, INVALID_TEXT)

    def test_close_with_a_reason_that_is_too_long_is_an_error(self, raw):
        socket = raw()
        socket.send(frame(CLOSE, closing(1000, b"x" * 124)))
        assert_failed(socket, PROTOCOL_ERROR)

    @pytest.mark.parametrize("after", [frame(TEXT, HELLO), frame(PING, b"p"), frame(CLOSE, closing(1000))])
    def test_nothing_is_answered_after_the_close(self, raw, after):
        socket = raw()
        socket.send(frame(CLOSE, closing(1000)) + after)
        assert socket.end()[0] == []


class TestBigMessages:
    """[9]: what is beyond the server's own limit is not even read to its end."""

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_frame_that_announces_too_much_is_refused_by_its_head(self, raw, opcode):
        socket = raw()
        socket.send(frame(opcode, b"x", length=2**40))
        assert_failed(socket, TOO_BIG)

    def test_message_of_parts_that_come_to_too_much_is_refused(self, raw):
        socket = raw()
        socket.send(frame(TEXT, b"x" * 65536, fin=False))
        for _ in range(40):
            if not socket.try_to_send(frame(CONTINUATION, b"x" * 65536, fin=False)):
                break
        assert_failed(socket, TOO_BIG)

    def test_empty_parts_without_end_cost_nothing(self, raw, memory):
        socket = raw()
        before = memory()
        socket.send(frame(TEXT, b"", fin=False))
        for _ in range(2000):
            socket.send(frame(CONTINUATION, b"", fin=False))
        socket.send(frame(CONTINUATION, HELLO))
        assert socket.message()["type"] == "welcome"
        assert memory() - before < 10


def test_frame_without_a_mask_ends_the_connection(raw):
    """RFC 6455, 5.1"""
    socket = raw()
    socket.send(frame(TEXT, HELLO, masked=False))
    assert_failed(socket, PROTOCOL_ERROR)
