"""Codec: bytes to message and back, with limits on what comes in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from realtime.exceptions import BadMessage, ProtocolError, TooLarge
from realtime.protocol.messages import Bye, ClientMessage, Delta, Frame, ServerMessage

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

MAX_DEPTH = 16  # levels of arrays and objects in an incoming message

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_array_decoder: msgspec.json.Decoder[list[Raw]] = msgspec.json.Decoder(list[Raw])
_encoder = msgspec.json.Encoder()


class Encoded(NamedTuple):
    """A message ready to be sent to any number of clients: its text, and its size in bytes."""

    text: str
    size: int


def decode(data: str | bytes, *, max_bytes: int) -> ClientMessage:
    """Read a client's message. Raise `TooLarge` or `BadMessage`."""
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise BadMessage("A message may not hold half of a character.") from None
    if len(raw) > max_bytes:
        raise TooLarge(f"A message may have {max_bytes} bytes; this one has {len(raw)}.")
    if _NUL.search(raw):
        raise BadMessage("A message may not hold the character U+0000, which databases refuse.")
    if _depth_exceeds(raw, MAX_DEPTH):
        raise TooLarge(f"A message may be {MAX_DEPTH} levels deep.")

    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec's sentences name the field and the rule, and nothing of the server
        raise BadMessage(f"Not a message of this protocol: {error}.") from None


def split(data: bytes) -> list[str]:
    """The messages of a JSON array, each as its text. Raise `TooLarge` or `BadMessage`."""
    if _depth_exceeds(data, MAX_DEPTH + 1):
        raise TooLarge(f"A message may be {MAX_DEPTH} levels deep.")
    try:
        return [bytes(message).decode() for message in _array_decoder.decode(data)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"Not an array of messages: {error}.") from None


def decode_server(data: str | bytes) -> ServerMessage:
    """Read a server's message. Raise `BadMessage`."""
    try:
        return _server_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"Not a message of this protocol: {error}.") from None


def encode(message: ServerMessage | ClientMessage) -> Encoded:
    data = _encoder.encode(message)
    return Encoded(data.decode(), len(data))


def encode_bye(error: ProtocolError) -> Encoded:
    """The last message to a client, which says why it is turned away."""
    return encode(Bye(error.code, error.reason, UNSET if error.retry is None else error.retry))


def encode_delta(delta: Delta) -> bytes:
    """The JSON of one delta, made once and put into the frames of all its subscribers."""
    return _encoder.encode(delta)


def encode_frame(*, log: int, cursor: str, deltas: list[bytes]) -> Encoded:
    return encode(Frame(log=log, cursor=cursor, deltas=tuple(msgspec.Raw(delta) for delta in deltas)))


def with_calls(frame: Encoded, calls: Sequence[str]) -> Encoded:
    """The same frame for the client whose calls it brings the effects of; its deltas are not encoded again."""
    text = f'{frame.text[:-1]},"calls":{_encoder.encode(calls).decode()}}}'
    return Encoded(text, frame.size + len(text.encode()) - len(frame.text.encode()))


def encode_value(value: Any, *, default: Any = None) -> bytes:
    """JSON of an application's value. Raise `TypeError` for a type that JSON does not have."""
    return msgspec.json.encode(value, enc_hook=default) if default else _encoder.encode(value)


def _depth_exceeds(raw: bytes, limit: int) -> bool:
    # the decoder itself recurses, so depth is bounded before it runs; brackets in strings only overcount openings
    # in messages that are already suspicious, hence the exact pass behind the cheap one
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False

    depth = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quote
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif byte in b"]}":
            depth -= 1
    return False
