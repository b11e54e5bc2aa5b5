"""Pagination: the links to the pages of a stream, rendered as one row of HTML."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.template.loader import get_template
from django.utils.html import escape

from realtime.queries import row_html
from realtime.streams.stream import ModelStream

TEMPLATE = "realtime/pages.html"


def render_pages(stream: ModelStream, queryset: Any, *, key: str, query: str = "") -> str:
    """Return the links to all pages of a QuerySet, around the one that the stream shows.

    The template's context has `page_obj` and `paginator` as in Django's `ListView`, `page_range` with ellipses,
    `stream`, and `query`: what precedes `page=` in the address of a link.
    """
    window = stream.window
    assert window is not None
    assert stream.paginate_by is not None  # else the stream does not serve this format
    paginator = Paginator(queryset, stream.paginate_by)
    page = paginator.get_page(window.page or 1)
    context = {
        "page_obj": page,
        "paginator": paginator,
        "page_range": list(paginator.get_elided_page_range(page.number)),
        "stream": stream,
        "query": query,
    }
    html = get_template(TEMPLATE).render(context).strip()
    return row_html.with_attribute(html, f'data-live-key="{escape(key)}"')
