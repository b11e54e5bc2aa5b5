"""QueryKey: what the subscribers of one live query have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import Surroundings
from realtime.streams.window import RowWindow


class QueryKey(NamedTuple):
    """The values that subscribers of one live query have in common."""

    stream: str
    params: bytes
    audience: Any
    kind: str  # the audience's type: True and 1 are two audiences
    format: str
    surroundings: Surroundings
    window: RowWindow | None = None
    source: str = ""  # of inline rows: pages from before and after an edit of the template share nothing

    def say(self, log: Callable[..., None], text: str, *args: object) -> None:
        """Log a text about the live query, in which the first two %s are its stream and its parameters."""
        fields = {"stream": self.stream, "params": self.params.decode()}
        log(text, *fields.values(), *args, extra=fields)


def query_key(stream: ModelStream, format: str) -> QueryKey:
    audience = stream.audience_key
    kind = type(audience).__name__
    window = None if format.startswith("value:") else stream.window  # which values do not see
    source = stream.row_source(format)
    return QueryKey(stream.name, stream.params_key(), audience, kind, format, stream.surroundings, window, source)
