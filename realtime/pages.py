"""Pages: what a template needs to show rows that are live from the start: the rows, their cursor, and a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from realtime import tokens
from realtime.access import open_stream
from realtime.changelog import get_changelog
from realtime.exceptions import StreamDefinitionError
from realtime.identity import user_key
from realtime.queries.livequery import live_query
from realtime.queries.site import as_the_site

WEBSOCKET_PATH = "realtime/ws/"


class PagePart(NamedTuple):
    """A live query as a page holds it: its rows (HTML, or one value), and what the browser subscribes with."""

    rows: list[Any]
    cursor: str
    token: str
    view: str
    params: dict[str, Any]


def page_part(user: Any, name: str, params: Mapping[str, Any], format: str = "html") -> PagePart:
    """The rows of a stream, rendered for a page that this user is going to see.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    stream = open_stream(user, name, params)
    if not stream.serves(format):
        if format == "html":
            raise StreamDefinitionError(
                f"The stream {name!r} has no template, so it cannot be shown with {{% live %}}.",
                hint="Set template_name to the template of one row.",
            )
        raise StreamDefinitionError(
            f"The stream {name!r} has no live value {format.partition(':')[2]!r}.",
            hint=f"It has: {', '.join(stream.values()) or 'none'}.",
        )
    # position first, then data: what is written in between comes again, and does no harm
    cursor = get_changelog(stream.database()).head()
    with as_the_site():
        rows = live_query(stream, format).rows()
    wire = stream.wire_params()
    token = tokens.sign(stream=name, params=wire, format=format, user=user_key(user))
    return PagePart(list(rows.values()), cursor, token, stream.view(format), wire)
