"""Pages: what a template needs for rows that are live from the start: the rows, their cursor, and a token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connections
from django.template.loader import get_template

from realtime.auth import tokens
from realtime.auth.authorization import check_value, join_fingerprint, open_stream
from realtime.auth.identity import user_key
from realtime.changelog import get_changelog
from realtime.changelog.caches import bypass_caches
from realtime.exceptions import StreamDefinitionError
from realtime.queries import row_html
from realtime.queries.livequery import PagesQuery, live_query
from realtime.queries.viewer import as_seen_by, is_for_viewers
from realtime.streams.choices import refused_choice
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import of_page

WEBSOCKET_PATH = "realtime/ws/"
HEAD_ROWS = 2000  # changes that a page reads at most to find its position
POSITIONS = "_realtime_positions"  # an attribute of a page

# Tags and comments of a Django template, with the content of comments.
_TAGS = re.compile(r"{%\s*comment.*?{%\s*endcomment\s*%}|{#.*?#}|{%.*?%}", re.DOTALL)


class PagePart(NamedTuple):
    """A live query in a page: its rows (HTML, or one value), and what the browser needs to subscribe."""

    rows: list[Any]
    cursor: str
    token: str
    fingerprint: str
    params: dict[str, Any]
    roots: frozenset[str]  # the rows' root elements
    stream: ModelStream
    viewer: str | None  # the user's key if rows look different to different users, "" for a visitor


@bypass_caches
def page_part(
    user: Any,
    name: str,
    params: Mapping[str, Any],
    format: str = "html",
    *,
    page: object | None = None,
    query: str = "",
) -> PagePart:
    """Return the rows of a stream, rendered for this user's page.

    All parts of a `page`, which is any object with attributes, share the position that the first one read. `query`
    precedes `page=` in the links to pages.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    surroundings = of_page()
    stream = open_stream(user, name, params, surroundings)
    if not stream.serves(format):
        if format == "html":
            raise StreamDefinitionError(
                f"The stream {name!r} has no template, so it cannot be shown with {{% live %}}.",
                hint="Set template_name to the template of one row.",
            )
        if format == "pages":
            raise StreamDefinitionError(
                f"The stream {name!r} has no pages.", hint="Set paginate_by to the number of rows on a page."
            )
        raise StreamDefinitionError(
            f"The stream {name!r} has no live value {format.partition(':')[2]!r}.",
            hint=f"It has: {', '.join(stream.values()) or 'none'}.",
        )
    check_value(user, stream, format)
    # position first, then data: writes in between are sent once more, which is harmless
    cursor = page_position(stream.database(), page)
    with stream.surroundings.applied():
        live = live_query(stream, format)
        if isinstance(live, PagesQuery):
            live.query = query
        try:
            rows = live.rows()
        except ValidationError as error:
            raise refused_choice(name, error) from None
        fingerprint = join_fingerprint(stream.format_fingerprint(format), live.page_fingerprint(rows))
    wire = stream.wire_params()
    token = tokens.sign(stream=name, params=wire, format=format, user=user_key(user), surroundings=surroundings)
    made = [row for key, row in rows.items() if key not in live.broken]
    if format != "html":
        return PagePart(list(rows.values()), cursor, token, fingerprint, wire, frozenset(), stream, None)
    seen = [as_seen_by(row, user) for row in rows.values()]
    differs = any(map(is_for_viewers, [*made, _source(stream)]))
    viewer = (user_key(user) or "") if differs else None
    return PagePart(seen, cursor, token, fingerprint, wire, _roots(stream, made), stream, viewer)


def page_position(alias: str, page: object | None) -> str:
    """Return the log's position before the page's first rows of this database, in one transaction.

    It is not shared with other transactions, which may see less: an older snapshot, or none of this one's writes.
    """
    if page is None:
        return get_changelog(alias).head(rows=HEAD_ROWS)
    known = vars(page).setdefault(POSITIONS, {})
    connection = connections[alias]
    blocks, cursor = known.get(connection, (None, ""))
    if blocks != connection.atomic_blocks:
        cursor = get_changelog(alias).head(rows=HEAD_ROWS)
        known[connection] = (list(connection.atomic_blocks), cursor)
    return str(cursor)


def _roots(stream: ModelStream, rows: Iterable[str]) -> frozenset[str]:
    """Return the names of the rows' elements; without rows, the first element of their template."""
    opening = row_html.OPENING
    names = frozenset(found[1] for found in map(opening.match, rows) if found)
    if names:
        return names
    found = opening.match(_TAGS.sub("", _source(stream)))
    return frozenset([found[1]] if found else [])


def _source(stream: ModelStream) -> str:
    return str(getattr(getattr(get_template(str(stream.get_template_name())), "template", None), "source", ""))
