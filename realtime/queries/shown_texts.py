"""ShownTexts: which live texts the live queries show, and which rows they withhold because their text is sent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries.livequery import LiveQuery
from realtime.queries.open_queries import OpenQueries
from realtime.queries.round_data import RoundData
from realtime.queries.tick import Tick

NO_TEXTS: Final[Mapping[TextName, GrowingText]] = MappingProxyType({})


class ShownTexts:
    """The live texts of the last tick, as the live queries show them."""

    def __init__(self, queries: OpenQueries) -> None:
        self._queries = queries
        self._texts = NO_TEXTS
        self._withholding: set[LiveQuery] = set()  # that have not sent rows whose live texts were sent
        self.resume = ""  # the cursor from which clients must resume, after the last tick

    def sent(self, texts: Mapping[TextName, GrowingText]) -> Mapping[tuple[str, str], Mapping[str, GrowingText]]:
        """Return those texts that were sent already, by model and key, and then by field."""
        found: defaultdict[tuple[str, str], dict[str, GrowingText]] = defaultdict(dict)
        for name, text in texts.items():
            if self._texts.get(name) is text:
                found[name.model, name.key][name.field] = text
        return found

    @property
    def shows_any(self) -> bool:
        """Whether the last tick had live texts, or live queries withhold rows because of them."""
        return bool(self._texts or self._withholding)

    def withheld_seconds(self) -> float:
        """Return the seconds until a row that was withheld must be sent; infinity if there is none."""
        return min((query.sent.seconds() for query in self._open()), default=math.inf)

    def overdue(self) -> Mapping[LiveQuery, list[str]]:
        """Return the rows that must be sent now, although subscribers have been sent their live text."""
        found = {query: query.sent.overdue() for query in self._open()}
        return {query: keys for query, keys in found.items() if keys}

    def watch(self, query: LiveQuery) -> None:
        """Remember the live query for as long as it withholds a row."""
        self._withholding.add(query)

    def end_tick(self, data: RoundData, texts: Mapping[TextName, GrowingText]) -> None:
        """Note in the tick which texts are shown where, and from which cursor clients must resume."""
        self._find_texts(data, texts)
        self._find_withheld(data.tick)

    def _open(self) -> Iterable[LiveQuery]:
        return (query for query in self._withholding if query.key in self._queries)

    def _find_withheld(self, tick: Tick) -> None:
        """Note in the tick where clients must resume: before the changes of rows that were withheld from them."""
        self._withholding = {query for query in self._withholding if query.sent.withheld}
        withheld = [each for query in self._withholding for each in query.sent.withheld.values()]
        if withheld:
            tick.withheld = min(withheld, key=lambda each: each.since).cursor
        self.resume = tick.resume

    def _find_texts(self, data: RoundData, texts: Mapping[TextName, GrowingText]) -> None:
        """Note in the tick which of all texts changed live queries show, and which of the new ones the others show.

        Of audiences that have joined a group: all that it shows.
        """
        new = [name for name, text in texts.items() if self._texts.get(name) is not text]
        self._texts = texts
        if not texts:
            return
        all_texts, new_texts = _by_row(texts), _by_row(new)
        tick = data.tick
        for query in self._queries.values():
            label = query.stream.model._meta.label_lower
            numbers = self._queries.numbers(query)
            if any(number in tick.deltas for number in numbers):
                self.watch(query)
                shown = query.shown_texts(all_texts.get(label, {}))
                tick.texts.update(dict.fromkeys(numbers, shown))
                query.sent.texts = {(text.key, text.field) for text in shown}
            elif label in new_texts and (shown := query.shown_texts(new_texts[label])):
                tick.new_texts.update(dict.fromkeys(numbers, shown))
                query.sent.texts = {*query.sent.texts, *((text.key, text.field) for text in shown)}
        for key, (group, member) in data.joined.items():
            label, known = group.query.stream.model._meta.label_lower, group.query.sent.texts
            if known and key in self._queries and member.number not in tick.texts:
                shown = {text for text in texts if text.model == label and (text.key, text.field) in known}
                tick.new_texts[member.number] = shown


def _by_row(texts: Iterable[TextName]) -> Mapping[str, Mapping[str, Collection[TextName]]]:
    """Return live texts by the model's label and the row's key."""
    found: defaultdict[str, defaultdict[str, list[TextName]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        found[text.model][text.key].append(text)
    return found
