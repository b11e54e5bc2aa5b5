"""Codec: decodes and encodes messages, with limits for incoming ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct

from realtime.exceptions import BadMessage, ProtocolError, TooLarge
from realtime.protocol.decoding_errors import explain
from realtime.protocol.messages import (
    Bye,
    ClientMessage,
    Delta,
    Frame,
    Patched,
    Put,
    ServerMessage,
    ServerObject,
    TextMore,
)

# also matches an unterminated string, so that the search takes linear time
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_EXTREME = re.compile(rb"[0-9][eE][-+]?[0-9]{3}")  # an exponent of three digits
_NESTING = bytes.maketrans(b"{}", b"[]")
_NOT_NESTING = bytes(set(range(256)) - set(b"[]{}"))

MAX_DEPTH = 16  # levels of arrays and objects in an incoming message
MANY = 5000  # commas in a request; beyond this number, its messages are checked before they are split
MAX_CONTAINERS = 5000  # arrays and objects in an incoming message: creating them costs most
MAX_EXTREMES = 100  # numbers near 1e-308 or 1e308 in an incoming message: one takes as long as 500 others


class _Kind(Struct):
    """The part of a message that is checked first."""

    type: str


_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_server_decoder: msgspec.json.Decoder[ServerObject] = msgspec.json.Decoder(ServerObject)
_short_decoder: msgspec.json.Decoder[tuple[int, str | dict[str, Raw]]] = msgspec.json.Decoder(
    tuple[int, str | dict[str, Raw]]
)
_array_decoder: msgspec.json.Decoder[list[Raw]] = msgspec.json.Decoder(list[Raw])
_kinds_decoder: msgspec.json.Decoder[list[_Kind]] = msgspec.json.Decoder(list[_Kind])
_encoder = msgspec.json.Encoder()


class Encoded(NamedTuple):
    """A message that can be sent to any number of clients: its text, and its size in bytes."""

    text: str
    size: int


def decode(data: str | bytes, *, max_bytes: int) -> ClientMessage:
    """Return a client's message. Raise `TooLarge` or `BadMessage`."""
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise BadMessage("A message contains half of a surrogate pair.") from None
    if len(raw) > max_bytes:
        raise TooLarge(f"A message may have up to {max_bytes} bytes; this one has {len(raw)}.")
    if b"\\u0000" in raw and b"\\u0000" in raw.replace(b"\\\\", b""):  # without escaped backslashes
        raise BadMessage("A message contains the character U+0000, which databases reject.")
    _check_work(raw, "message", depth=MAX_DEPTH)

    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"This is not a message of the protocol. {explain(error)}") from None


def split(data: bytes, *, max_bytes: int = 256 * 1024, max_messages: int = 256) -> list[str]:
    """Return the text of each message in a JSON array. Raise `TooLarge` or `BadMessage`."""
    if len(data) > max_bytes:
        raise TooLarge(f"A request may have up to {max_bytes} bytes.")
    _check_work(data, "request", depth=MAX_DEPTH + 1)
    try:
        if data.count(b",") > MANY:  # an invalid message is found before the following ones cost anything
            _kinds_decoder.decode(data)
        messages = _array_decoder.decode(data)
        if len(messages) > max_messages:
            raise TooLarge(f"A request may contain up to {max_messages} messages.")
        return [bytes(message).decode() for message in messages]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"This is not an array of messages. {explain(error)}") from None


def decode_server(data: str | bytes) -> ServerMessage:
    """Return a server's message. Raise `BadMessage`."""
    try:
        if data[:1] in ("[", b"["):
            number, more = _short_decoder.decode(data)
            return TextMore(number, more) if isinstance(more, str) else Patched(number, more)
        return _server_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"This is not a message of the protocol. {explain(error)}") from None


def encode(message: ServerMessage | ClientMessage) -> Encoded:
    data = _encoder.encode(message)
    return Encoded(data.decode(), len(data))


def encode_bye(error: ProtocolError) -> Encoded:
    """Return the last message to a client, with the reason of the end."""
    return encode(Bye(error.code, error.reason, UNSET if error.retry is None else error.retry))


def encode_delta(delta: Delta) -> bytes:
    """Return the JSON of a delta. It is encoded once, for the frames of all subscribers."""
    return _encoder.encode(delta)


def encode_puts(puts: Sequence[Put]) -> bytes:
    """Return the JSON of rows, for the parts of all clients that are sent them."""
    return _encoder.encode(puts)


def encode_frame(*, log: int, cursor: str, deltas: list[bytes]) -> Encoded:
    return encode(Frame(log=log, cursor=cursor, deltas=tuple(map(msgspec.Raw, deltas))))


class LazyFrame:
    """A frame for any number of clients, encoded when the first of them needs it."""

    __slots__ = ("_cursor", "_deltas", "_encoded", "_log")

    def __init__(self, log: int, cursor: str, deltas: list[bytes]) -> None:
        self._log, self._cursor, self._deltas = log, cursor, deltas
        self._encoded: Encoded | None = None

    def encoded(self) -> Encoded:
        if self._encoded is None:
            self._encoded = encode_frame(log=self._log, cursor=self._cursor, deltas=self._deltas)
        return self._encoded


def with_calls(frame: Encoded, calls: Sequence[str]) -> Encoded:
    """Return the frame for a client whose calls' effects it has; its deltas are not encoded again."""
    member = b',"calls":%b' % _encoder.encode(calls)
    return Encoded(f"{frame.text[:-1]}{member.decode()}}}", frame.size + len(member))


def encode_value(value: Any, *, default: Any = None) -> bytes:
    """Return the JSON of an application's value. Raise `TypeError` for a type that JSON does not have."""
    return msgspec.json.encode(value, enc_hook=default) if default else _encoder.encode(value)


def _check_work(raw: bytes, whole: str, *, depth: int) -> None:
    """Raise `TooLarge` if decoding would take unusually long for the number of bytes."""
    many_brackets = raw.count(b"[") + raw.count(b"{") > depth
    many_extremes = raw.count(b"e") + raw.count(b"E") > MAX_EXTREMES and _has_extremes(raw)
    if not many_brackets and not many_extremes:
        return
    bare = _STRING.sub(b"", raw)  # once: of all steps it takes longest
    nesting = bare.translate(_NESTING, _NOT_NESTING)
    if nesting.count(b"[") > MAX_CONTAINERS:
        raise TooLarge(f"A {whole} may contain up to {MAX_CONTAINERS} arrays and objects.")
    if _depth_exceeds(nesting, depth):
        raise TooLarge(f"A message may have up to {MAX_DEPTH} levels of nesting.")
    if many_extremes and _has_extremes(bare):
        raise TooLarge(f"A {whole} may contain up to {MAX_EXTREMES} numbers with an exponent of three digits.")


def _depth_exceeds(nesting: bytes, limit: int) -> bool:
    """Return whether brackets are nested more deeply, in a few passes at the speed of C."""
    if b"[" * (limit + 1) in nesting:
        return True
    for _ in range(limit):  # each pass removes the innermost level
        if not nesting:
            return False
        nesting = nesting.replace(b"[]", b"")
    return bool(nesting)


def _has_extremes(raw: bytes) -> bool:
    """Return whether there are more numbers with an exponent of three digits than allowed; stop at the first such."""
    return next(islice(_EXTREME.finditer(raw), MAX_EXTREMES, None), None) is not None
