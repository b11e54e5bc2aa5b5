"""The field of a live text in a row: a field of data, or an element with `data-live-text` in HTML."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec
from msgspec import Raw

_fields: msgspec.json.Decoder[dict[str, Raw]] = msgspec.json.Decoder(dict[str, Raw])
_text: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)


def shows_text(row: Raw, field: str) -> bool:
    """Return whether a row's JSON, as data or HTML, has the text of this field."""
    data = bytes(row)
    if data.startswith(b"{"):
        return bytes(_fields.decode(data).get(field, b"")).startswith(b'"')
    return data.startswith(b'"') and _element(field).search(_text.decode(data)) is not None


@lru_cache(maxsize=100)
def _element(field: str) -> re.Pattern[str]:
    # with text alone: a part of the text, as before a line break, is not the field
    return re.compile(rf'<[a-zA-Z][^<>]*\sdata-live-text="{re.escape(field)}"[^<>]*>[^<]*</')
