"""TextRelay: passes what the writers of live texts add to the subscribers of one hub who see these texts.

The last tick has found who sees a text: the subscribers of live queries that were sent the row with this field. The
first words are sent at once, and then everything within `FLUSH_SECONDS` together, encoded once for all.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from realtime.hub.subscribers import Client, call_client
from realtime.protocol.codec import encode
from realtime.protocol.live_text import GrowingText, TextEnd, TextMessage, TextName, TextPart, TextUpdate
from realtime.protocol.messages import TextEnded

FLUSH_SECONDS = 0.15  # so that what is added outweighs the message around it
LINGER_SECONDS = 5.0  # after the end of a text, for live queries that are found to show it
SLICE_SECONDS = 0.01  # for which texts are sent before the loop does other work
MOST_TEXTS = 1000  # beyond, further texts are only seen as they are saved
SILENT_SECONDS = 10.0  # after which a text may give its place to another one
KEPT_UNITS = 16 * 1024  # of each
MOST_FORMER = 10  # writers of a text that are remembered


class Worker(Protocol):
    """What the relay needs of a log's worker."""

    alias: str

    def audience(self, query: int) -> Iterable[Client]: ...
    def wake(self) -> None: ...


class _LiveText:
    """One text that is being written."""

    def __init__(self, part: TextPart) -> None:
        self.name = TextName(*part.name)
        self.writer = part.writer
        self.text = GrowingText(part.offset, KEPT_UNITS)
        self.sent: dict[int, int] = {}  # by live query: up to here, its clients have it
        self.length: int | None = None  # once it has ended
        self.updated_at = time.monotonic()  # when the writer's last part came
        self.next_at = 0.0  # when the next part may be sent, by the loop's clock
        self.timer: asyncio.TimerHandle | None = None
        self.queries: dict[int, Worker] = {}  # that show it
        self.numbers: dict[int, int] = {}  # its name in messages, by live query
        self.former: tuple[str, ...] = ()  # writers before this one, which may not have noticed yet


class TextRelay:
    """The live texts that one hub knows."""

    def __init__(self, workers: Callable[[], Iterable[Worker]], begun: Callable[[str], None]) -> None:
        self._workers = workers
        self._begun = begun  # called with the database's alias when there is a new text
        self._texts: dict[TextName, _LiveText] = {}  # the one that was written to last comes last
        self._shown: defaultdict[int, set[TextName]] = defaultdict(set)  # by live query: the texts that it shows
        self._numbers = itertools.count(1)
        self._queue: deque[tuple[Client, Callable[[Client], None]]] = deque()
        self._next: asyncio.Handle | None = None

    def of(self, alias: str) -> dict[TextName, GrowingText]:
        """Return the texts of a database that are being written, or were a moment ago, as far as they are known."""
        return {name: text.text for name, text in self._texts.items() if name.alias == alias}

    def flush(self, alias: str) -> None:
        """Send all that is known of the texts of a database now: the next frames refer to it."""
        for name, text in self._texts.items():
            if name.alias == alias and text.length is None:
                self._flush(text)
        self._send_queued(until=math.inf)

    def greet(self, query: int, clients: Iterable[Client]) -> None:
        """Send the texts that a live query shows to new subscribers, and to those that were behind."""
        for name in self._shown.get(query, ()):
            text = self._texts[name]
            if query in text.sent and text.length is None:
                self._send(clients, text, query, -1)

    def take(self, message: TextMessage) -> None:
        """Handle a message of a writer."""
        if isinstance(message, TextPart):
            self._add(message)
        elif isinstance(message, TextEnd):
            self._finish(message)

    def show(
        self, worker: Worker, shown: Mapping[int, Collection[TextName]], more: Mapping[int, Collection[TextName]]
    ) -> None:
        """Note which texts these live queries show now, and which `more` texts other ones show."""
        for query, names in shown.items():
            for name in self._shown.get(query, set()).difference(names):
                self._hide(query, name)
        for query, names in (*shown.items(), *more.items()):
            for name in names:
                text = self._texts.get(name)
                if text is not None and query not in text.queries:
                    text.queries[query] = worker
                    self._shown[query].add(name)
                    self._schedule(text)
                    self._send_end(text, query)

    def _hide(self, query: int, name: TextName) -> None:
        if (text := self._texts.get(name)) is not None:
            text.queries.pop(query, None)
            text.sent.pop(query, None)
            text.numbers.pop(query, None)  # clients drop the text of a row that leaves
        self._shown[query].discard(name)
        if not self._shown[query]:
            del self._shown[query]

    def _remove(self, name: TextName) -> None:
        """Forget a text."""
        text = self._texts[name]
        self._cancel(text)
        for query in list(text.queries):
            self._hide(query, name)
        del self._texts[name]

    def close(self) -> None:
        """Send no more."""
        for text in self._texts.values():
            self._cancel(text)
        self._texts.clear()
        self._shown.clear()
        self._queue.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _add(self, part: TextPart) -> None:
        name = TextName(*part.name)
        text = self._texts.get(name)
        if text is not None and (
            part.writer in text.former or (part.writer == text.writer and text.length is not None)
        ):
            return  # a writer that does not know yet that it counts as dead
        text = self._texts.pop(name, None)
        if text is None or text.writer != part.writer or text.length is not None:
            if text is None and not self._has_place():
                return
            text = _LiveText(part) if text is None else self._continued(text, part)
            self._begin(name)
        self._texts[name] = text
        text.updated_at = time.monotonic()
        if part.offset > text.text.end:  # a part was lost: clients wait for what is saved
            self._flush(text)
            text.text = GrowingText(part.offset, KEPT_UNITS)
        if part.offset == text.text.end and part.text:
            text.text.append(part.text)
            self._schedule(text)

    def _continued(self, old: _LiveText, part: TextPart) -> _LiveText:
        """End the text of a writer, and return that of the next one, which is shown where the old one was."""
        self._cancel(old)
        old.length = part.offset
        old.text.cut(part.offset)
        for query in old.queries:
            self._send_end(old, query)
        text = _LiveText(part)
        text.queries = old.queries
        text.former = (*old.former, old.writer)[-MOST_FORMER:]
        return text

    def _has_place(self) -> bool:
        """Return whether there is a place for one more text; the text that was silent for longest may be dropped."""
        if len(self._texts) < MOST_TEXTS:
            return True
        oldest = next(iter(self._texts.values()))
        if oldest.length is None and time.monotonic() - oldest.updated_at < SILENT_SECONDS:
            return False
        self._remove(oldest.name)
        return True

    def _begin(self, name: TextName) -> None:
        self._wake(name.alias)
        self._begun(name.alias)

    def _wake(self, alias: str) -> None:
        for worker in self._workers():
            if worker.alias == alias:
                worker.wake()

    def _finish(self, end: TextEnd) -> None:
        name = TextName(*end.name)
        text = self._texts.get(name)
        if text is not None and (text.writer != end.writer or text.length is not None):
            return
        if text is None:  # this process knows no part of it
            if not self._has_place():
                return
            text = self._texts[name] = _LiveText(TextPart(name, end.writer, end.length, ""))
            self._begin(name)
        self._flush(text)
        text.length = end.length
        text.text.cut(end.length)
        text.text.is_complete = True
        self._wake(name.alias)  # rows that were withheld, because their text was sent, are sent now
        for query in text.queries:
            self._send_end(text, query)
        text.timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._remove, name)

    def _send_end(self, text: _LiveText, query: int) -> None:
        if text.length is not None:
            ended = encode(TextEnded(query, text.name.key, text.name.field, text.length))
            self._put(text.queries[query].audience(query), lambda client: client.end_text(query, ended))

    def _schedule(self, text: _LiveText) -> None:
        if text.timer is None and text.queries and text.length is None:
            loop = asyncio.get_running_loop()
            text.timer = loop.call_at(max(loop.time(), text.next_at), self._flush, text)

    def _cancel(self, text: _LiveText) -> None:
        if text.timer is not None:
            text.timer.cancel()
            text.timer = None

    def _flush(self, text: _LiveText) -> None:
        self._cancel(text)
        for query, worker in text.queries.items():
            start, end = text.sent.get(query, -1), text.text.end
            if start >= end or text.text.first == end:
                continue
            text.sent[query] = end
            text.next_at = asyncio.get_running_loop().time() + FLUSH_SECONDS
            self._send(worker.audience(query), text, query, start)

    def _send(self, clients: Iterable[Client], text: _LiveText, query: int, start: int) -> None:
        number = text.numbers.setdefault(query, next(self._numbers))
        end = text.text.end
        update = TextUpdate(number=number, query=query, name=text.name, start=start, end=end, text=text.text)
        self._put(clients, lambda client: client.send_text(update))

    def _put(self, clients: Iterable[Client], send: Callable[[Client], None]) -> None:
        self._queue.extend((client, send) for client in clients)
        if self._next is None and self._queue:
            self._send_queued()

    def _send_queued(self, until: float | None = None) -> None:
        """Send for a short time, then let the loop do other work."""
        self._next = None
        ends = time.monotonic() + SLICE_SECONDS if until is None else until
        while self._queue and time.monotonic() < ends:
            client, send = self._queue.popleft()
            call_client(client, send, client)
        if self._queue and self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._send_queued)
