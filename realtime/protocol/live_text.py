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
    """Text that a writer has added after `offset` units."""

    name: TextName
    writer: str
    offset: int
    text: str
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
    """A text that grows at its end, from `first` units on. One thread appends, others may read."""

    def __init__(self, first: int, most: int) -> None:
        self.is_complete = False  # the writer has ended
        self._most = most  # units that are kept
        self._kept = first, b""  # replaced as a whole, so that readers need no lock

    @property
    def first(self) -> int:
        return self._kept[0]

    @property
    def end(self) -> int:
        first, data = self._kept
        return first + len(data) // 2

    def append(self, text: str) -> None:
        first, data = self._kept
        data += text.encode(UTF16)
        if (excess := len(data) // 2 - self._most) > 0:
            excess += _is_within_pair(data, 2 * excess)
            first, data = first + excess, data[2 * excess :]
        self._kept = first, data

    def cut(self, length: int) -> None:
        """Drop what is beyond this length; a character is not cut in two."""
        first, data = self._kept
        size = max(0, length - first)
        self._kept = first, data[: 2 * (size - _is_within_pair(data, 2 * size))]

    def read(self, start: int, end: int) -> str:
        """Return the text between two offsets at which characters begin, as far as it is kept."""
        return self.read_units(start, end).decode(UTF16)

    def read_units(self, start: int, end: int) -> bytes:
        """Return the same as UTF-16, between any two offsets."""
        first, data = self._kept
        return data[2 * max(0, start - first) : 2 * max(0, end - first)]


def _is_within_pair(data: bytes, at: int) -> bool:
    """Return whether a surrogate pair would be cut at this byte."""
    return at + 1 < len(data) and 0xDC <= data[at + 1] <= 0xDF


class TextUpdate:
    """A part of a live text for a live query's subscribers: from `start` to `end`.

    A client that has the text up to `start` gets this part. Another client gets the text from the length that it has,
    or from the writer's beginning. Each message is encoded once.
    """

    __slots__ = ("_encoded", "_name", "_text", "end", "number", "query", "start")

    def __init__(self, *, number: int, query: int, name: TextName, start: int, end: int, text: GrowingText) -> None:
        self.number = number
        self.query = query
        self.start = start
        self.end = end
        self._name = name
        self._text = text
        self._encoded: dict[int | None, Encoded] = {}

    def after(self, known: int | None) -> Encoded | None:
        """Return the message for a client that has `known` units; None if it has everything."""
        # what was not sent in time may have been dropped, if much was added since, or was not saved before the end
        end = min(self.end, self._text.end)
        if self._text.first >= end or (known is not None and known >= end):
            return None
        if known not in self._encoded:
            self._encoded[known] = self._message(known)
        return self._encoded[known]

    def again(self) -> Encoded | None:
        """Return the message, with its offset, for a client whose next page continues with the connection."""
        if self._text.first >= min(self.end, self._text.end):
            return None
        if -1 not in self._encoded:
            self._encoded[-1] = self._part(max(self._text.first, self.start))
        return self._encoded[-1]

    def _message(self, known: int | None) -> Encoded:
        if known == self.start and known >= self._text.first:
            return encode(TextMore(self.number, self._text.read(self.start, self.end)))
        return self._part(max(self._text.first, known or 0))

    def _part(self, offset: int) -> Encoded:
        text = self._text.read(offset, self.end)
        _, _, key, field = self._name
        return encode(Text(number=self.number, query=self.query, key=key, field=field, offset=offset, text=text))
