"""Viewer marks: attributes that show parts of shared rows to some users; the JavaScript client applies them too."""

from __future__ import annotations

import re
from typing import Any

from realtime.auth.identity import user_key

MARKS = re.compile(r'\bdata-live-(if-user|unless-user|owner)="([^"]*)"')
_START_TAG = re.compile(r"""<[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>""")
_SEARCHED = re.compile(r"data-live-(?:if-user|unless-user|owner)\b")
_INCLUDES = re.compile(r"{%\s*(?:include|extends)\b")


def is_for_viewers(text: str) -> bool:
    """Return whether rows may look different to different users, by their HTML or the source of their template."""
    return _SEARCHED.search(text) is not None or _INCLUDES.search(text) is not None


def as_seen_by(html: str, user: Any) -> str:
    """Return the HTML of a row as this user sees it: elements for others are hidden, the user's own ones marked."""
    if _SEARCHED.search(html) is None:
        return html
    key = user_key(user) or ""

    def marked(found: re.Match[str]) -> str:
        kind, named = found[1], key != "" and key in found[2].split()
        if kind == "owner":
            return f"{found[0]} data-live-own" if named else found[0]
        return found[0] if named == (kind == "if-user") else f"{found[0]} hidden"

    return _START_TAG.sub(lambda tag: MARKS.sub(marked, tag[0]), html)
