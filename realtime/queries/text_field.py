"""The field of a live text in a row: data has it under its name, and HTML in an element with `data-live-text`.

What subscribers have been sent of a live text need not be sent again with its row: a patch refers to it. An edit that
inserts `["text", 120, 340]` inserts these units of the live text of this field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape, unescape
from typing import NamedTuple
from zlib import crc32

import msgspec
from msgspec import Raw

from realtime.protocol.live_text import GrowingText
from realtime.protocol.patches import UTF16, changed_parts, units

ATTRIBUTE = 'data-live-text="'
_ELEMENTS = re.compile(r'<[a-zA-Z][^<>]*\sdata-live-text="([^"<>]*)"[^<>]*>([^<]*)</')
_ATTRIBUTES = re.compile(r'\s*\bdata-live-text="[^"]*"')

_fields: msgspec.json.Decoder[dict[str, Raw]] = msgspec.json.Decoder(dict[str, Raw])
_text: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)


class Growth(NamedTuple):
    """The difference between a row and the one before, in which live texts have grown.

    `is_all`: nothing else differs. Of the `length` units in the row, `sent` are known as live text; other parts may
    still be on their way.
    """

    patch: Raw
    is_all: bool
    sent: int
    length: int


_Edit = tuple[int, int, object]
"""Where the old text is replaced, from one index to another, and by what."""


class _Added(NamedTuple):
    """The added end of a text: a part of the live text, and the rest."""

    start: int
    end: int
    text: str
    rest: str


def without_forged_texts(html: str, texts: Mapping[str, str]) -> str:
    """Return a row's HTML without its `data-live-text`, unless each is where one of these texts is shown whole.

    Otherwise, HTML that a user has written, or that a filter has made, could show more than the row does.
    """
    if ATTRIBUTE not in html:
        return html
    found = list(_ELEMENTS.finditer(html))
    if html.count(ATTRIBUTE) == len(found) and all(texts.get(each[1]) == unescape(each[2]) for each in found):
        return html
    return _ATTRIBUTES.sub("", html)


def shows_text(row: Raw, field: str) -> bool:
    """Return whether a row's JSON, as data or HTML, has the text of this field."""
    data = bytes(row)
    if data.startswith(b"{"):
        return bytes(_fields.decode(data).get(field, b"")).startswith(b'"')
    return data.startswith(b'"') and _element(field).search(_text.decode(data)) is not None


def length(row: Raw, field: str) -> int:
    """Return the length of the text of this field in a row that shows it, in UTF-16 code units; 0 in other rows."""
    data = bytes(row)
    if data.startswith(b"{"):
        value = _fields.decode(data).get(field, b"")
        return units(_text.decode(value)) if bytes(value).startswith(b'"') else 0
    found = _element(field).search(_text.decode(data)) if data.startswith(b'"') else None
    return 0 if found is None else units(unescape(found[1]))


def growth(old: Raw, new: Raw, texts: Mapping[str, GrowingText]) -> Growth | None:
    """Return how a row differs from the one before, if the difference is in these live texts, by field.

    The texts must have been sent from the length in the old row on.
    """
    before, after = bytes(old), bytes(new)
    if before.startswith(b"{") and after.startswith(b"{"):
        return _grown_data(_fields.decode(before), _fields.decode(after), texts)
    if before.startswith(b'"') and after.startswith(b'"') and len(texts) == 1:
        [(field, text)] = texts.items()
        return _grown_html(_text.decode(before), _text.decode(after), field, text)
    return None


def _grown_data(old: Mapping[str, Raw], new: Mapping[str, Raw], texts: Mapping[str, GrowingText]) -> Growth | None:
    if old.keys() != new.keys():
        return None
    changed = {name: value for name, value in new.items() if bytes(value) != bytes(old[name])}
    edit: dict[str, list[object]] = {}
    sent = length = 0
    for field in changed.keys() & texts.keys():
        if not (bytes(old[field]).startswith(b'"') and bytes(new[field]).startswith(b'"')):
            return None
        was, now = _text.decode(old[field]), _text.decode(new[field])
        if (added := _added(was, now, texts[field])) is None:
            return None
        edit[field] = _edits(field, now, was, added, added.rest)
        sent, length = sent + added.end, length + added.end + units(added.rest)
    if not edit:
        return None
    others = {name: value for name, value in changed.items() if name not in edit}
    patch: dict[str, object] = {"set": others, "edit": edit} if others else {"edit": edit}
    return Growth(Raw(msgspec.json.encode(patch)), not others, sent, length)


def _grown_html(old: str, new: str, field: str, text: GrowingText) -> Growth | None:
    before, after = _element(field).search(old), _element(field).search(new)
    if before is None or after is None:
        return None
    added = _added(unescape(before[1]), unescape(after[1]), text)
    if added is None or after[1] != before[1] + escape(added.text + added.rest):
        return None
    # what differs before the text, the text, and what differs behind it
    around = old[: before.start(1)], old[before.end(1) :]
    is_all = around == (new[: after.start(1)], new[after.end(1) :])
    parts: list[_Edit] = [*changed_parts(around[0], new[: after.start(1)])]
    parts += [(before.end(1), before.end(1), insert) for insert in _inserts(field, added, escape(added.rest))]
    behind = changed_parts(around[1], new[after.end(1) :])
    parts += [(before.end(1) + start, before.end(1) + end, inserted) for start, end, inserted in behind]
    edits: list[object] = [crc32(new.encode())]
    done = 0
    for start, end, insert in parts:
        edits += [units(old[done:start]), units(old[start:end]), insert]
        done = end
    return Growth(Raw(msgspec.json.encode(edits)), is_all, added.end, added.end + units(added.rest))


def _added(old: str, new: str, text: GrowingText) -> _Added | None:
    start, end = units(old), min(units(new), text.end)
    if not new.startswith(old) or not text.first <= start <= end:
        return None
    more = new[len(old) :]
    # in units: another text may end within a character of this one
    if not more.encode(UTF16).startswith(data := text.read_units(start, end)):
        return None
    sent = data.decode(UTF16)
    return _Added(start, end, sent, more[len(sent) :])


def _edits(field: str, whole: str, before: str, added: _Added, rest: str) -> list[object]:
    edits: list[object] = [crc32(whole.encode())]
    skip = units(before)
    for insert in _inserts(field, added, rest):
        edits += [skip, 0, insert]
        skip = 0
    return edits


def _inserts(field: str, added: _Added, rest: str) -> list[object]:
    # clients drop a live text that the row has caught up with, so an empty part must not be asked of it
    part = [[field, added.start, added.end]] if added.start < added.end else []
    return [*part, rest] if rest else [*part]


@lru_cache(maxsize=100)
def _element(field: str) -> re.Pattern[str]:
    # with text alone: a part of the text, as before a line break, is not the field
    return re.compile(rf'<[a-zA-Z][^<>]*\sdata-live-text="{re.escape(field)}"[^<>]*>([^<]*)</')
