"""RowWindow: the part of a stream's rows that a client holds: a page, or a range that grows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from realtime.conf import limits
from realtime.exceptions import BadParameters, StreamDefinitionError, WindowTooLarge

if TYPE_CHECKING:
    from realtime.streams.stream import ModelStream

PAGE = "page"
WINDOW = "window"
NAMES = (PAGE, WINDOW)
"""The parameters of a stream with `paginate_by`, besides those of `get_queryset`."""

_RANGE = re.compile(r"(-?[0-9]{1,9}):(-?[0-9]{1,9})")
MOST_PAGES = 10**9  # a page with this number is the last one of any list


class RowWindow(NamedTuple):
    """The rows from `start` to `stop`, as in a slice; if `stop` is not positive, both count from the end.

    `page` is the number of a page, if it is one. As in `Paginator.get_page`, a page beyond the last one is the last.
    """

    start: int
    stop: int
    page: int | None = None

    @property
    def is_from_end(self) -> bool:
        return self.stop <= 0

    def cut(self, queryset: Any) -> Any:
        """Return these rows of a QuerySet; those from its end are in reverse order."""
        if not self.is_from_end:
            return queryset[self.start : self.stop]
        if queryset.query.is_sliced:
            raise StreamDefinitionError(
                f"get_queryset returned a slice of {queryset.model.__name__}, so no window from its end can be read.",
                hint="Return all rows, and let `paginate_by` slice them.",
            )
        return queryset.reverse()[-self.stop : -self.start]

    def last_page(self, rows: int) -> RowWindow | None:
        """Return the last page of so many rows, if this page lies behind it."""
        if self.page is None or not rows or rows > self.start:
            return None
        return page(math.ceil(rows / (self.stop - self.start)), self.stop - self.start)

    def param(self) -> dict[str, Any]:
        """Return the parameter that names it."""
        return {WINDOW: f"{self.start}:{self.stop}"} if self.page is None else {PAGE: self.page}


def page(number: int, size: int) -> RowWindow:
    """Return a page; the number of the first one is 1."""
    return RowWindow((number - 1) * size, number * size, number)


def take_window(stream: type[ModelStream], given: Mapping[str, Any]) -> tuple[RowWindow | None, Mapping[str, Any]]:
    """Return the window that these parameters name, and the other parameters.

    A stream with `paginate_by` always has one; the first page is the default. Raise `BadParameters` or
    `WindowTooLarge`.
    """
    size = stream.paginate_by
    if size is None:
        return None, given
    others = {name: value for name, value in given.items() if name not in NAMES}
    if given.get(WINDOW) is not None:
        return _range(stream.name, given[WINDOW], size), others
    return page(_page_number(given.get(PAGE)), size), others


def _page_number(value: Any) -> int:
    """Return the number as `Paginator.get_page` takes it: the first page if it is none, the last if there is none."""
    if value is None or isinstance(value, bool):
        return 1
    try:
        number = int(value) if isinstance(value, int | str) or float(value).is_integer() else 1
    except (TypeError, ValueError, OverflowError):
        return 1
    return number if 1 <= number < MOST_PAGES else MOST_PAGES


def _range(stream: str, value: Any, size: int) -> RowWindow:
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    start, stop = map(int, found.groups()) if found else (0, 0)
    is_next = stop - start == 1 and (start if start >= 0 else stop) % size == 0  # the row behind a step
    if start >= stop or start < 0 < stop or ((start % size or stop % size) and not is_next):
        raise BadParameters(
            f"The window of the stream {stream!r} must be two multiples of {size}, the lower one first, such as "
            f"'0:{size}' or '-{size}:0'."
        )
    most = max(limits.window_rows, size)
    if max(-start, stop) > most + is_next:
        raise WindowTooLarge(most)
    return RowWindow(start, stop)
