"""Paging: what the template tags add to a list that shows one page, or loads more rows on demand."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from realtime.conf import limits
from realtime.exceptions import StreamDefinitionError
from realtime.queries.page import PagePart, has_rows
from realtime.streams.registry import registry
from realtime.streams.window import WINDOW, RowWindow

MORE = "more"  # how many pages the list shows: a keyword of the tag, and the parameter of the address
TEMPLATE = "realtime/more.html"
LISTS = "_realtime_lists"  # on a request: the parameters of the lists that its page shows, by stream


def page_request(context: Any) -> Any:
    """Return the page's request, also in `{% include ... only %}` and in inclusion tags, which have no name for it."""
    return context.get("request") or getattr(context, "request", None)


class More(NamedTuple):
    """A list that shows this number of pages, each of `size` rows, and loads more on demand.

    `is_up`: it shows the last pages. `most` is the limit of `pages`, and `query` precedes `more=` in the link.
    """

    size: int
    pages: int
    most: int
    is_up: bool
    query: str

    def window(self) -> str:
        rows = self.pages * self.size
        return f"-{rows}:0" if self.is_up else f"0:{rows}"

    def mark(self) -> SafeString:
        return format_html(' data-live-more="{}"', -self.size if self.is_up else self.size)

    def has_next(self, part: PagePart, format: str) -> bool:
        """Return whether the link shows more than the list does."""
        shown = self.pages * self.size
        if len(part.rows) < shown or self.pages >= self.most:
            return False
        behind = RowWindow(-shown - 1, -shown) if self.is_up else RowWindow(shown, shown + 1)
        return has_rows(part.stream, behind, format)

    def around(self, rows: SafeString, part: PagePart, format: str) -> SafeString:
        """Return the rows and the link to more of them, in an element that may stand beside rows."""
        tag = next((root for root in part.roots if root in ("li", "tr", "option")), "div")
        context = {
            "tag": tag,
            "next": self.pages + 1,
            "from_end": self.is_up,
            "query": self.query,
            "hidden": not self.has_next(part, format),
        }
        link = mark_safe(get_template(TEMPLATE).render(context).strip())  # noqa: S308 - rendered by a template
        return format_html("{}\n{}", *((link, rows) if self.is_up else (rows, link)))


def take_more(context: Any, name: str, params: dict[str, Any]) -> More | None:
    """Return what the keyword `more` of `{% live %}` asks for; put the window into the parameters."""
    stream = registry.get(name)
    wanted = params.pop(MORE, False) if MORE not in stream.parameters() else False
    if not wanted:
        return None
    size = stream.paginate_by
    if size is None:
        raise StreamDefinitionError(
            f"{{% live %}} cannot show more of the stream {name!r}, which has no pages.",
            hint="Set paginate_by to the number of rows that each step adds.",
        )
    most = max(limits.window_rows // size, 1)
    given = getattr(page_request(context), "GET", {}).get(MORE, "")
    pages = min(max(int(given), 1), most) if given.isascii() and given.isdigit() and len(given) < 10 else 1
    more = More(size, pages, most, str(wanted) == "up", rest_of_address(context, MORE))
    params[WINDOW] = more.window()
    return more


def rest_of_address(context: Any, name: str) -> str:
    """Return the address's other parameters, such as "search=ink&", to precede the parameter `name`."""
    given = getattr(page_request(context), "GET", None)
    if not given:
        return ""
    others = given.copy()
    others.pop(name, None)
    return f"{others.urlencode()}&" if others else ""


def remember(context: Any, part: PagePart) -> None:
    """Remember the parameters of a list, for the links to its pages."""
    request = page_request(context)
    if request is not None and part.stream.window is not None:
        vars(request).setdefault(LISTS, {})[part.stream.name] = part.params


def remembered(context: Any, name: str) -> dict[str, Any]:
    """Return the parameters of this stream's list, which the page shows above."""
    return dict(getattr(page_request(context), LISTS, {}).get(name, {}))
