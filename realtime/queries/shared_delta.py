"""SharedDelta: a tick's delta for the subscribers of a live query, encoded once for all with the same rows."""

from __future__ import annotations

from typing import Literal, NamedTuple

from realtime.protocol.codec import Encoded, encode, encode_delta
from realtime.protocol.messages import Delta, Patched

Form = Literal["whole", "known", "patched"]


class Received(NamedTuple):
    """What a subscriber has received of a live query: all deltas after number `since`, and how it takes more."""

    since: int
    form: Form


class SharedDelta:
    """A delta in up to three forms.

    "whole" is for everyone. The other two are for subscribers who have received all deltas from number `base` on, and
    so have rows as they were sent last: "known" omits those that are the same, "patched" has patches of the others.
    `refers`: a patch refers to live text, which must have been sent before.
    """

    __slots__ = ("_deltas", "_encoded", "_query", "_rest", "_shorts", "base", "refers")

    def __init__(
        self,
        whole: Delta,
        *,
        base: int = 0,
        refers: bool = False,
        known: Delta | None = None,
        patched: Delta | None = None,
    ) -> None:
        self.base = base
        self.refers = refers
        self._query = whole.query
        self._deltas: dict[Form, Delta] = {
            "whole": whole,
            "known": whole if known is None else known,
            "patched": whole if patched is None else patched,
        }
        # what follows the live query's number, which all copies share: in a delta, and in the short message
        self._rest: dict[Form, bytes | None] = {}
        self._shorts: dict[Form, Encoded | None] = {}
        self._encoded: dict[Form, bytes | None] | None = None

    def __bool__(self) -> bool:
        return bool(self._deltas["whole"])

    @property
    def reset(self) -> bool:
        return self._deltas["whole"].reset

    def for_query(self, number: int) -> SharedDelta:
        """Return the same delta under another number of the live query; its rows are encoded once for both."""
        found = SharedDelta.__new__(SharedDelta)
        found.base, found.refers, found._query = self.base, self.refers, number
        found._deltas, found._rest, found._shorts, found._encoded = self._deltas, self._rest, self._shorts, None
        return found

    def encoded(self, form: Form) -> bytes | None:
        """Return the JSON of a form; None if there is nothing to send."""
        if self._encoded is None:
            self._encoded = {}
        if form not in self._encoded:
            if form not in self._rest:
                self._rest[form] = self._encode(form)
            rest = self._rest[form]
            self._encoded[form] = None if rest is None else _head(self._query) + rest
        return self._encoded[form]

    def short(self, form: Form) -> Encoded | None:
        """Return the message that says the same as a frame with this form; None if there are not just patches."""
        if form not in self._shorts:
            self._shorts[form] = self._encode_short(form)
        rest = self._shorts[form]
        if rest is None:
            return None
        head = f"[{self._query}"
        return Encoded(head + rest.text, len(head) + rest.size)

    def _encode_short(self, form: Form) -> Encoded | None:
        delta = self._deltas[form]
        if delta != Delta(delta.query, patches=delta.patches) or not delta.patches:
            return None
        text, size = encode(Patched(delta.query, delta.patches))
        head = f"[{delta.query}"
        return Encoded(text.removeprefix(head), size - len(head))

    def _encode(self, form: Form) -> bytes | None:
        delta = self._deltas[form]
        return encode_delta(delta).removeprefix(_head(delta.query)) if delta else None

    def form_for(self, received: Received) -> Form:
        """Return the form that a subscriber gets."""
        return received.form if received.since < self.base else "whole"

    def to(self, received: Received) -> bytes | None:
        """Return the JSON for this subscriber."""
        return self.encoded(self.form_for(received))


def _head(query: int) -> bytes:
    return b'{"query":%d' % query
