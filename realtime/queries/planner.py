"""Planner: gets a live query's QuerySet in each tick, and knows which audiences share it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from realtime.queries import get_queryset
from realtime.queries.analysis import Analysis
from realtime.queries.plan import Plan
from realtime.queries.probe import ReadsAudience, may_be_for_all, queryset_of_all
from realtime.streams.stream import ModelStream

# An attribute of streams whose QuerySets were seen to differ between two moments, for example by timezone.now().
_TIMED = "_realtime_timed"


class Planner:
    """The QuerySet of a live query, which the stream is asked for once in a tick, and the plan to follow it."""

    __slots__ = (
        "_analysis",
        "_new_question",
        "_placed",
        "_rows",
        "_shares_plan",
        "has_groups",
        "is_for_all",
        "is_open",
        "looks_around",
        "plan",
        "question",
        "stream",
    )

    def __init__(self, stream: ModelStream) -> None:
        self.stream = stream
        self.is_for_all = False  # it is read for several audiences, and must not depend on them
        self.plan: Plan | None = None  # of the last QuerySet
        self._shares_plan = False  # it was made for several audiences, by the stream of one of them
        self.has_groups = False  # its rows are groups, as far as is known
        self.is_open = True  # whether changes of rows outside it may affect it, as far as is known
        self.looks_around = True  # whether rows that it does not have may change it, as far as is known
        self.question = ""  # the fingerprint of the QuerySet that the keys were read by, if computed
        self._new_question = ""  # the same, for this tick
        self._analysis: Analysis | None = None  # of this tick's QuerySet
        self._rows: Any = None  # this tick's QuerySet, for the audience, once it is needed
        self._placed: Any = None  # the plan's rows, each with the one before it

    def ask(self) -> Analysis:
        """Ask the stream for its QuerySet, once in a tick; return what is known about it."""
        if self._analysis is None:
            self.end_sharing()
            if not self.keeps_plan:
                self._renew_plan(*get_queryset.call(self.stream, self._queryset))
            return self._take()
        return self._analysis

    def ask_for_all(self) -> bool:
        """Use one QuerySet for all audiences, if they share it; return whether they do."""
        if self._analysis is not None:
            return False
        if not self.keeps_plan:
            queryset, method = get_queryset.call(self.stream, partial(queryset_of_all, self.stream))
            if queryset is None:
                return False
            self._renew_plan(queryset, method)
        self._shares_plan = True
        self._take()
        return True

    def ask_like(self, other: Planner) -> bool:
        """Use the QuerySet that another audience got for all; return False if this tick has its own."""
        if self._analysis is not None or other.plan is None:
            return False
        if self.plan is not other.plan:
            self.plan, self._placed = other.plan, None
        self._shares_plan = True
        self._take()
        return True

    @property
    def keeps_plan(self) -> bool:
        """Whether `get_queryset` would certainly return what its plan was made of."""
        return self.plan is not None and self.plan.method is type(self.stream).get_queryset

    def rows(self) -> Any:
        """Return this tick's QuerySet, for the audience."""
        self.ask()
        if self._rows is None:
            assert self.plan is not None
            self._rows = self.plan.rows_for(self.stream)
        return self._rows

    def all_rows(self) -> Any:
        """Return the same without a window."""
        self.ask()
        assert self.plan is not None
        return self.stream.narrowed(self.plan.all_rows)

    def placed_rows(self) -> Any:
        """Return this tick's QuerySet, whose rows have the key of the row before them."""
        rows = self.rows()
        if self._placed is None:
            assert self.plan is not None
            self._placed = self.plan.placed(rows)
        return self._placed

    def turn_to_last_page(self) -> bool:
        """Use the last page in this tick, if the window is behind it; return whether there is one."""
        window = self.stream.window
        if window is None or window.start == 0:
            return False
        all_rows = self.all_rows()
        last = window.last_page(all_rows.count())
        if last is not None:
            self._rows = last.cut(all_rows)
        return last is not None

    def end_tick(self) -> None:
        """Forget the QuerySet: the next tick asks for it again."""
        self._analysis = self._rows = None

    def read_watched(self, read: Callable[..., Any], *args: Any) -> Any:
        """Call a function; raise `ReadsAudience` if it read the audience, although others share what it reads."""
        try:
            found = read(*args)
        except Exception as error:
            if self._reads_audience():
                raise ReadsAudience(type(self.stream)) from error
            raise
        self.check_sharing()
        return found

    def check_sharing(self) -> None:
        """Raise `ReadsAudience` if the audience was read, although others share what was read."""
        if self._reads_audience():
            raise ReadsAudience(type(self.stream))

    def end_sharing(self) -> None:
        """Forget the plan that other audiences share, if the stream has turned out to read the audience."""
        if self._shares_plan and not may_be_for_all(type(self.stream)):
            self.plan, self._placed, self._analysis, self._rows = None, None, None, None
            self._shares_plan = False

    def finds_places(self) -> bool:
        """Return whether the changed rows, and the row before each, show how the rows have changed."""
        return self.plan is not None and self.plan.columns is not None and not self.is_timed()

    def has_drifted(self) -> bool:
        """Return whether time alone may have changed which rows there are since the keys were read."""
        return self.is_timed() or self.take_question() != self.question

    def is_timed(self) -> bool:
        """Return whether this stream's QuerySets are known to differ between two moments."""
        return _TIMED in vars(type(self.stream))  # not of a base class

    def take_question(self) -> str:
        """Return the fingerprint of this tick's QuerySet."""
        if not self._new_question and self.plan is not None:
            self._new_question = self.plan.question
            if self.question and self._new_question != self.question:
                setattr(type(self.stream), _TIMED, True)
        return self._new_question

    def store(self) -> None:
        """Note that the keys were read by this tick's QuerySet."""
        self.question = self._new_question or self.question

    def separate(self, stream: ModelStream) -> Planner:
        """Return a planner that knows the same, for one of the audiences."""
        own = Planner(stream)
        own.question, own.has_groups = self.question, self.has_groups
        own.is_open, own.looks_around = self.is_open, self.looks_around
        return own

    def _queryset(self) -> Any:
        if not self.is_for_all:
            return self.stream.all_rows()
        queryset = queryset_of_all(self.stream)
        if queryset is None:
            raise ReadsAudience(type(self.stream))
        self._shares_plan = True
        return queryset

    def _renew_plan(self, queryset: Any, method: Any) -> None:
        if self.plan is None or not self.plan.is_of(queryset):
            self.plan, self._placed = Plan(queryset, self.stream, method), None

    def _take(self) -> Analysis:
        plan = self.plan
        assert plan is not None
        self._new_question = ""
        self.has_groups = plan.queryset._fields is not None
        self._analysis, self._rows = plan.analysis, None
        has_annotations = bool(plan.queryset.query.annotations)
        if self.question or has_annotations:
            self.take_question()
        if has_annotations and self.is_timed():
            # an annotation may depend on the time: each row may have changed
            self._analysis = Analysis(whole=True, open=True, unseen=True, around=True)
        self.is_open, self.looks_around = self._analysis.open, self._analysis.around
        return self._analysis

    def _reads_audience(self) -> bool:
        return (self.is_for_all or self._shares_plan) and not may_be_for_all(type(self.stream))
