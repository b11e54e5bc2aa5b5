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
from realtime.queries.broken_rows import is_html
from realtime.queries.formats import PagesQuery, live_query
from realtime.queries.row_templates import literal_text
from realtime.queries.viewer_marks import as_seen_by, is_for_viewers
from realtime.streams.choices import refused_choice
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import of_page
from realtime.streams.unread_rows import MARKER, UNREAD
from realtime.streams.window import NAMES, RowWindow

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
    source: str  # the literal text of a row's template, if there are no rows
    stream: ModelStream
    viewer: str | None  # the user's key if rows look different to different users, "" for a visitor
    marker: dict[str, Any] | None  # the parameters of the user's marker, if the rows that it has not seen are marked


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
                hint="Write the row's HTML between {% live ... as row %} and {% endlive %}, or set template_name.",
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
    made = [row for key, row in rows.items() if key not in live.reader.broken]
    if not is_html(format):
        return PagePart(list(rows.values()), cursor, token, fingerprint, wire, frozenset(), "", stream, None, None)
    template = _row_source(stream, format)
    viewer = (user_key(user) or "") if any(map(is_for_viewers, [*made, template])) else None
    source = "" if made else _TAGS.sub("", template)
    marks_unread = bool(stream.unread_by) and user.is_authenticated and format != "pages"
    unread = set(unread_keys(user, stream)) if marks_unread else set()
    marked = {key: row_html.with_attribute(rows[key], "data-live-unread") for key in unread & rows.keys()}
    seen = [as_seen_by(marked.get(key, row), user) for key, row in rows.items()]
    marker = marker_params(stream) if marks_unread else None
    return PagePart(seen, cursor, token, fingerprint, wire, _roots(made or [source]), source, stream, viewer, marker)


@bypass_caches
def unread_keys(user: Any, stream: ModelStream) -> list[str]:
    """Return the keys of the newest rows that the user has not seen, at most `MOST`."""
    newest: Any = registry.get(stream.name + UNREAD)
    own: Any = registry.get(stream.name + MARKER)(stream.params, user.pk)
    marker = own.marker()
    rows = live_query(newest(stream.params, stream.audience_key), "data").rows()
    return [
        key
        for key, row in rows.items()
        if row is not None  # it cannot be read
        and row["owner"] != marker["user"]
        and (marker["position"] is None or int(row["position"]) > int(marker["position"]))
    ]


def marker_params(stream: ModelStream) -> dict[str, Any]:
    """Return the parameters of the user's marker: those of the stream, without the window."""
    names = () if stream.paginate_by is None else NAMES
    return {name: value for name, value in stream.wire_params().items() if name not in names}


@bypass_caches
def has_rows(stream: ModelStream, window: RowWindow, format: str) -> bool:
    """Return whether a stream has rows in another window than its own."""
    other = type(stream)(stream.params, stream.audience_key, stream.surroundings, window)
    with other.surroundings.applied():
        return bool(live_query(other, format).read_keys())


def _row_source(stream: ModelStream, format: str) -> str:
    """Return the text of a row's template; of inline rows, without its tags."""
    if inline := stream.inline_rows(format):
        return literal_text(inline.rows.nodelist)
    template = getattr(get_template(str(stream.get_template_name())), "template", None)
    return str(getattr(template, "source", ""))


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


def _roots(rows: Iterable[str]) -> frozenset[str]:
    return frozenset(found[1] for found in map(row_html.OPENING.match, rows) if found)
