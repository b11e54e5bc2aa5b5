"""Storable values: texts and numbers that every database can hold."""

from __future__ import annotations

MOST = 2**63 - 1


def storable_text(text: object) -> str:
    """Return a text without what a database rejects."""
    return str(text).replace("\x00", "").encode(errors="replace").decode()


def storable_number(number: int | None) -> int | None:
    """Return a number from 0 to the largest that a database can hold."""
    return None if number is None else max(0, min(int(number), MOST))
