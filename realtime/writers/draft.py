"""Draft: the text of one writer, and how much of it was published and saved."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connections

from realtime.actions import text_leases
from realtime.actions.text_leases import RENEW_SECONDS, TextTarget
from realtime.exceptions import LiveTextError
from realtime.hub.pubsub.event_bus import publish_text
from realtime.protocol.live_text import TextEnd, TextPart
from realtime.protocol.patches import units

logger = logging.getLogger("realtime.log")

FINISH_SECONDS = 5.0  # how long to retry saving the end of a text while the database does not answer
RETRY_SECONDS = 0.5


class Draft:
    """What a writer has written. Its database calls block; `append` does not, and may run beside one of them."""

    def __init__(self, target: TextTarget) -> None:
        self.target = target
        self.writer = uuid4().hex
        self.state = ""  # at the end, if it was saved
        self._chunks: list[str] = []  # joined when needed: adding to a long string copies it
        self._joining = threading.Lock()
        self._length = 0  # in characters
        self._units = 0
        self._saved = 0  # units in the database
        self._renewed = 0.0  # by the monotonic clock

    @property
    def text(self) -> str:
        """The whole text of the field so far."""
        with self._joining:  # `append` may add more meanwhile
            chunks = len(self._chunks)
            text = "".join(self._chunks[:chunks])
            self._chunks[:chunks] = [text]
            return text

    def begin(self) -> None:
        """Take the lease, and continue at the end of the field's text. Raise `TextBusy` or `LiveTextError`."""
        text = text_leases.acquire(self.target, self.writer)
        self._chunks, self._length = [text], len(text)
        self._units = self._saved = units(text)
        self._renewed = time.monotonic()
        self._publish("")  # so that each hub finds out who sees the text before the first words arrive

    def append(self, chunk: str) -> None:
        """Publish what was added. Raise `TypeError` or `LiveTextError` for what no field can hold."""
        if not isinstance(chunk, str):
            raise TypeError(f"A live text takes strings, not {chunk!r}.")
        if not chunk:
            return
        if "\x00" in chunk or not chunk.isascii():
            _check(chunk)
        longest = self.target.field.max_length
        if longest is not None and self._length + len(chunk) > longest:
            raise LiveTextError(f"The field {self.target.name.field!r} takes up to {longest} characters.")
        self._chunks.append(chunk)
        self._length += len(chunk)
        self._publish(chunk)
        self._units += units(chunk)

    def save(self) -> bool:
        """Save the text; return whether the writer must stop. Raise `TextLost`.

        While the database does not answer, the next call saves what is missing.
        """
        text = self.text
        is_due, stop = self.is_due, False
        with self._tolerating("A live text could not be saved; trying again."):
            stop = text_leases.save(self.target, self.writer, text, renew=is_due)
            self._saved = units(text)
            if is_due:
                self._renewed = time.monotonic()
        return stop

    def look(self) -> bool:
        """Renew the lease if it is time, without saving; return whether the writer must stop. Raise `TextLost`."""
        stop = False
        with self._tolerating("The lease of a live text could not be renewed; trying again."):
            if self.is_due:
                stop = text_leases.renew(self.target, self.writer)
                self._renewed = time.monotonic()
            else:
                stop = text_leases.is_stopped(self.target, self.writer)
        return stop

    @contextmanager
    def _tolerating(self, message: str) -> Iterator[None]:
        """Log this message if the database does not answer."""
        try:
            yield
        except (OperationalError, InterfaceError):
            connections[self.target.name.alias].close_if_unusable_or_obsolete()
            logger.warning(message, exc_info=True)

    @property
    def is_due(self) -> bool:
        """Whether the lease must be renewed soon."""
        return time.monotonic() - self._renewed > RENEW_SECONDS

    def finish(self, state: str) -> None:
        """Save everything with this state, and end the lease. Raise `TextLost`, or an error of the database.

        Retry for `FINISH_SECONDS` while the database does not answer, or if it has closed an idle connection.
        """
        connection, end, pause = connections[self.target.name.alias], time.monotonic() + FINISH_SECONDS, 0.0
        while True:
            try:
                text_leases.finish(self.target, self.writer, self.text, state)
                break
            except (OperationalError, InterfaceError):
                if connection.in_atomic_block or time.monotonic() > end:
                    raise
                connection.close_if_unusable_or_obsolete()
                time.sleep(pause)
                pause = RETRY_SECONDS
        self.state = state
        publish_text(TextEnd(self.target.name, self.writer, self._units))

    def give_up(self) -> None:
        """End the lease of a row that is gone."""
        text_leases.release(self.target, self.writer)
        publish_text(TextEnd(self.target.name, self.writer, self._saved))

    def _publish(self, chunk: str) -> None:
        publish_text(TextPart(self.target.name, self.writer, self._units, chunk))


def _check(chunk: str) -> None:
    if "\x00" in chunk:
        raise LiveTextError("A live text cannot contain the character U+0000, which databases reject.")
    try:
        chunk.encode()
    except UnicodeEncodeError:
        raise LiveTextError("A live text cannot contain half of a surrogate pair.") from None
