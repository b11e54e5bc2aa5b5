"""Viewer marks: attributes that show parts of shared rows to some users; the JavaScript client applies them too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from realtime.auth.identity import user_key

MARKS = re.compile(r'\bdata-live-(if-user|unless-user|owner)="([^"]*)"')
_START_TAG = re.compile(r"""<[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>""")
_SEARCHED = re.compile(r"data-live-(?:if-user|unless-user|owner)\b")
_FOREIGN = re.compile(r"\sdata-live-ignore\b")
_INCLUDES = re.compile(r"{%\s*(?:include|extends)\b")


def is_for_viewers(text: str) -> bool:
    """Return whether rows may look different to different users, by their HTML or the source of their template."""
    return _SEARCHED.search(text) is not None or _INCLUDES.search(text) is not None


def as_seen_by(html: str, user: Any) -> str:
    """Return the HTML of a row as this user sees it: elements for others are hidden, the user's own ones marked.

    In elements with `data-live-ignore`, marks are of those who wrote the markup, and have no effect.
    """
    if _SEARCHED.search(html) is None:
        return html
    key = user_key(user) or ""

    def marked(found: re.Match[str]) -> str:
        kind, named = found[1], key != "" and key in found[2].split()
        if kind == "owner":
            return f"{found[0]} data-live-own" if named else found[0]
        return found[0] if named == (kind == "if-user") else f"{found[0]} hidden"

    def seen(part: str) -> str:
        return _START_TAG.sub(lambda tag: MARKS.sub(marked, tag[0]), part)

    parts, done = [], 0
    for start, end in _foreign(html):
        parts += [seen(html[done:start]), html[start:end]]
        done = end
    return "".join([*parts, seen(html[done:])])


def _foreign(html: str) -> Iterator[tuple[int, int]]:
    """Yield where elements with `data-live-ignore` begin and end."""
    if _FOREIGN.search(html) is None:
        return
    end = 0
    for tag in _START_TAG.finditer(html):
        if tag.start() >= end and _FOREIGN.search(tag[0]):
            end = _end_of(html, tag)
            yield tag.start(), end


def _end_of(html: str, tag: re.Match[str]) -> int:
    """Return where the element of this start tag ends, by counting the tags of its name."""
    name = tag[0][1:].partition(">")[0].split("/")[0].split()[0]
    depth = 1
    for other in re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])", re.IGNORECASE).finditer(html, tag.end()):
        depth += -1 if other[1] else 1
        if not depth:
            return other.start()
    return len(html)
