"""Sent: the rows last sent to all subscribers of a live query, so that they are not sent again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

MOST = 64  # remembered rows
DIGEST_BYTES = 16


class Sent:
    """A digest of each row that was sent to all subscribers and has not moved since.

    It remembers only what one delta brought to all of them, and only until a client subscribes or resumes: that client
    may have rows of another moment ("two minutes ago"), or of a page that another process rendered.
    """

    def __init__(self) -> None:
        self._confirmed = True  # whether the last news were sent: a round may fail
        self._digests: dict[str, bytes] = {}
        self._before: dict[str, str | None] = {}  # the row before each
        self._behind: dict[str | None, str] = {}  # the row after each of those

    def forget(self) -> None:
        self._digests.clear()
        self._before.clear()
        self._behind.clear()

    def confirm(self) -> None:
        """Confirm that the result of `news` was sent."""
        self._confirmed = True

    def news(
        self,
        rows: Mapping[str, Any],
        before: Mapping[str, str | None],
        members: Collection[str],
        changed: Collection[str],
    ) -> dict[str, Any]:
        """Return the changed rows, each with the row before it, that differ from what was last sent of them.

        `members` are the changed rows that the subscribers have.
        """
        if not self._confirmed:
            self.forget()
        self._confirmed = False
        digests = {key: blake2b(row, digest_size=DIGEST_BYTES).digest() for key, row in rows.items()}
        same = {
            key
            for key, digest in digests.items()
            # a row after a changed one may have moved with it
            if key in members
            and self._digests.get(key) == digest
            and self._before[key] == before[key]
            and before[key] not in changed
        }
        for key in changed:
            if key not in same:
                self._drop(self._behind.get(key))
                self._drop(key)
        news = {key: row for key, row in rows.items() if key not in same}
        for key in news:
            self._drop(self._behind.get(before[key]))  # another row is there now
        for key in news:
            self._digests[key], self._before[key], self._behind[before[key]] = digests[key], before[key], key
        while len(self._digests) > MOST:
            self._drop(next(iter(self._digests)))
        return news

    def _drop(self, key: str | None) -> None:
        if key is not None and self._digests.pop(key, None) is not None:
            self._behind.pop(self._before.pop(key), None)
