"""Live text: the messages of its writers between processes.

Lengths and offsets are in UTF-16 code units, as in JavaScript. A part never ends within a character.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from realtime.protocol.codec import Encoded, encode
from realtime.protocol.messages import Text, TextMore
from realtime.protocol.patches import UTF16


class TextName(NamedTuple):
    """A field of a row: the database's alias, the model's label in lower case, the primary key as text, the field."""

    alias: str
    model: str
    key: str
    field: str


class TextPart(Struct, frozen=True, omit_defaults=True, tag="text"):
    """Text that a writer has added after `offset` units. `saved` is the number of units in the database."""

    name: TextName
    writer: str
    offset: int
    text: str
    saved: int
    origin: str = ""


class TextEnd(Struct, frozen=True, omit_defaults=True, tag="text_end"):
    """The writer has ended or died. The text has `length` units."""

    name: TextName
    writer: str
    length: int
    origin: str = ""


class TextStop(Struct, frozen=True, omit_defaults=True, tag="text_stop"):
    """The writer is asked to stop."""

    writer: str
    origin: str = ""


TextMessage = TextPart | TextEnd | TextStop


class GrowingText:
    """A text that grows at its end, from `first` units on."""

    def __init__(self, first: int, most: int) -> None:
        self.first = first
        self._most = most  # units to keep
        self._data = bytearray()

    @property
    def end(self) -> int:
        return self.first + len(self._data) // 2

    def append(self, text: str) -> None:
        self._data += text.encode(UTF16)
        if (excess := self.end - self.first - self._most) > 0:
            excess += is_within_pair(self._data, 2 * excess)
            del self._data[: 2 * excess]
            self.first += excess

    def read(self, start: int, end: int) -> str:
        """Return the text between two offsets."""
        return self._data[2 * (start - self.first) : 2 * (end - self.first)].decode(UTF16)


def is_within_pair(data: bytes | bytearray, at: int) -> bool:
    """Return whether a surrogate pair would be cut at this byte."""
    return at + 1 < len(data) and 0xDC <= data[at + 1] <= 0xDF


class TextUpdate:
    """A part of a live text for a live query's subscribers: from `start` to `end`.

    A client that has the text up to `start` gets this part. Another client gets the text from the length that it has,
    or the part that may not be `saved` yet. Each message is encoded once.
    """

    __slots__ = ("_encoded", "_name", "_saved", "_text", "end", "number", "query", "start")

    def __init__(
        self, *, number: int, query: int, name: TextName, start: int, end: int, text: GrowingText, saved: int
    ) -> None:
        self.number = number
        self.query = query
        self.start = start
        self.end = end
        self._name = name
        self._text = text
        self._saved = saved
        self._encoded: dict[int | None, Encoded] = {}

    def after(self, known: int | None) -> Encoded | None:
        """Return the message for a client that has `known` units; None if it has everything."""
        # what was not sent in time may have been dropped, if much was added since
        if self._text.first >= self.end or (known is not None and known >= self.end):
            return None
        if known not in self._encoded:
            self._encoded[known] = self._message(known)
        return self._encoded[known]

    def _message(self, known: int | None) -> Encoded:
        if known == self.start and known >= self._text.first:
            return encode(TextMore(self.number, self._text.read(self.start, self.end)))
        offset = max(self._text.first, min(self._saved, self.start) if known is None else known)
        text = self._text.read(offset, self.end)
        _, _, key, field = self._name
        return encode(Text(number=self.number, query=self.query, key=key, field=field, offset=offset, text=text))
