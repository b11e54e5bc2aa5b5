"""Patches: the differences between two versions of a row. The server makes them, and clients apply them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from html import escape  # as Django does
from typing import Any
from zlib import crc32

import msgspec

LONG_TEXT = 100  # bytes of a field's JSON; shorter texts are replaced
SEARCHED = 1000  # characters of a changed part that are searched for unchanged words
MOST_COMPARED = 50_000  # pairs of equal words; a text that repeats a few words would take seconds
LEAST_KEPT = 12  # characters between two edits; fewer are cheaper to repeat

UTF16 = "utf-16-le"  # two bytes for each code unit; JavaScript counts code units
_WORDS = re.compile(r"\s*\S+|\s+")
_fields: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text: msgspec.json.Decoder[str] = msgspec.json.Decoder(str)


def make_patch(old: bytes, new: bytes) -> bytes | None:
    """Return the JSON of the patch from one row's JSON to another's; None if the whole row is not longer."""
    kind = old[:1]
    if kind != new[:1] or kind not in (b'"', b"{"):
        return None
    made = _edits(old, new) if kind == b'"' else _changed_fields(old, new)
    return made if made is not None and len(made) < len(new) else None


ReadText = Callable[[str, int, int], str]
"""Returns a part of a field's live text, between two offsets. Raises `ValueError` if it is not there."""


def _no_text(field: str, start: int, end: int) -> str:
    raise ValueError(f"There is no live text of {field!r}.")


def apply_patch(row: Any, patch: Any, read_text: ReadText = _no_text) -> Any:
    """Return the patched row. Raise `ValueError` if the patch does not fit."""
    if isinstance(patch, list):
        return _edited(row, patch, lambda *place: escape(read_text(*place)))
    if not isinstance(row, dict):
        raise ValueError("A patch of fields does not fit a row without fields.")
    edited = {name: _edited(row.get(name), edits, read_text) for name, edits in patch.get("edit", {}).items()}
    return {**row, **patch.get("set", {}), **edited}


def _changed_fields(old: bytes, new: bytes) -> bytes | None:
    before, after = _fields.decode(old), _fields.decode(new)
    if before.keys() != after.keys():
        return None
    patch: dict[str, dict[str, msgspec.Raw]] = {}
    for name, value in after.items():
        was, now = bytes(before[name]), bytes(value)
        if was == now:
            continue
        edits = _edits(was, now) if len(now) > LONG_TEXT and was[:1] == now[:1] == b'"' else None
        if edits is not None and len(edits) < len(now):
            patch.setdefault("edit", {})[name] = msgspec.Raw(edits)
        else:
            patch.setdefault("set", {})[name] = value
    return msgspec.json.encode(patch)


def _edits(old: bytes, new: bytes) -> bytes:
    """Return the JSON of the edits: the CRC-32 of the new text, then what each edit skips, removes and inserts."""
    before, after = _text.decode(old), _text.decode(new)
    edits: list[int | str] = [crc32(after.encode())]
    done = 0
    for start, end, text in changed_parts(before, after):
        edits += [units(before[done:start]), units(before[start:end]), text]
        done = end
    return msgspec.json.encode(edits)


def _edited(text: Any, edits: list[Any], read_text: ReadText) -> str:
    if not isinstance(text, str):
        raise ValueError("An edit does not fit what is not text.")
    units, at, made = text.encode(UTF16), 0, []
    for place in range(1, len(edits), 3):
        skip, remove, insert = edits[place : place + 3]
        if isinstance(insert, list):
            insert = read_text(*insert)
        made += [units[at : at + 2 * skip], insert.encode(UTF16)]
        at += 2 * (skip + remove)
    if at > len(units):
        raise ValueError("An edit ends behind the text.")
    result = b"".join([*made, units[at:]]).decode(UTF16)
    if crc32(result.encode()) != edits[0]:
        raise ValueError("The edits are of another text.")
    return result


def changed_parts(old: str, new: str) -> Iterator[tuple[int, int, str]]:
    """Yield the start and end of each part of the old text that differs, and the new text there."""
    start = _same_start(old, new)
    rest = _same_start(old[start:][::-1], new[start:][::-1])
    removed, added = old[start : len(old) - rest], new[start : len(new) - rest]
    if not removed or not added or max(len(removed), len(added)) > SEARCHED:
        if removed or added:
            yield start, start + len(removed), added
        return
    words, others = _WORDS.findall(removed), _WORDS.findall(added)
    part: tuple[int, int, str] | None = None  # not yet complete
    at, word, other = start, 0, 0
    for first, other_first, size in [*_common(words, others), (len(words), len(others), 0)]:
        end = at + sum(map(len, words[word:first]))
        word, other, inserted = first + size, other_first + size, "".join(others[other:other_first])
        if end > at or inserted:
            begun, _, text = part or (at, at, "")
            part = begun, end, text + inserted
        kept = "".join(words[first:word])
        at = end + len(kept)
        if part is not None and len(kept) >= LEAST_KEPT:
            yield part
            part = None
        elif part is not None:
            begun, _, text = part
            part = begun, at, text + kept
    if part is not None:
        yield part


def _common(words: Sequence[str], others: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return runs of common words in the same order: their places in both sequences, and their number of words."""
    matcher = SequenceMatcher(None, words, others, False)
    counts, compared = Counter(others), 0
    found: list[tuple[int, int, int]] = []
    rest = [(0, len(words), 0, len(others))]
    while rest:
        start, end, other_start, other_end = rest.pop()
        compared += sum(counts[word] for word in words[start:end])
        if compared > MOST_COMPARED:
            break
        at, other_at, size = matcher.find_longest_match(start, end, other_start, other_end)
        if size:
            found.append((at, other_at, size))
            rest += [(at + size, end, other_at + size, other_end), (start, at, other_start, other_at)]
    return sorted(found)


def _same_start(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:  # growing text, the usual case
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode(UTF16)) // 2
