"""Hypothesis strategies: random QuerySets, and random histories."""

import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle.specs import GROUPED, SHOWN, TOTALS
from tests.oracle.writes import NAMES, TITLES, WRITES
from tests.settings import BACKEND

NUMBER = st.integers(-1, 3)
BOOLEAN = st.booleans()
TITLE = st.sampled_from(TITLES)
NAME = st.sampled_from(NAMES)
DAY = st.sampled_from(["2026-01-01", "2026-01-02"])

ITEM_LOOKUPS: dict[str, st.SearchStrategy[Any]] = {
    "number": NUMBER,
    "number__gte": NUMBER,
    "number__lt": NUMBER,
    "number__in": st.lists(NUMBER, min_size=1, max_size=3),
    "number__isnull": BOOLEAN,
    "title": TITLE,
    "title__gte": TITLE,
    "title__icontains": TITLE,
    "done": BOOLEAN,
    "day": DAY,
    "day__isnull": BOOLEAN,
    "box__title": TITLE,
    "box__rank__lt": NUMBER,
    "person__name": NAME,
    "person__isnull": BOOLEAN,
    "person__region__rank__gte": NUMBER,
    "person__region__isnull": BOOLEAN,
    "parent__number__gte": NUMBER,
    "parent__isnull": BOOLEAN,
    "children__done": BOOLEAN,
    "children__isnull": BOOLEAN,
    "tags__name": NAME,
    "tags__isnull": BOOLEAN,
}
ITEM_COLUMNS = ["box__rank", "parent__number", "person__region__rank"]
ITEM_ORDERS = ["title", "number", "number<", "number>", "done", "day", "box__title", "person__name", "parent__number"]

BOX_LOOKUPS: dict[str, st.SearchStrategy[Any]] = {
    "title__gte": TITLE,
    "rank": NUMBER,
    "items__done": BOOLEAN,
    "items__number__gte": NUMBER,
    "items__isnull": BOOLEAN,
}
BOX_ORDERS = ["title", "rank"]

# a window counts the rows that joins make, in no certain order: it gets conditions without those
SINGLE = ["title__gte", "done", "number__gte", "day__isnull", "box__title", "person__isnull", "parent__number__gte"]
PLACES = sorted(name for name in SHOWN if name.startswith("place"))
ITEM_SHOWN = sorted(name for name in SHOWN if not name.startswith(("box", "place")))
BOX_SHOWN = sorted(name for name in SHOWN if name.startswith("box"))


def conditions(lookups: dict[str, st.SearchStrategy[Any]], columns: list[str]) -> st.SearchStrategy[Any]:
    leaf = st.sampled_from(sorted(lookups)).flatmap(lambda name: lookups[name].map(lambda value: [name, value]))
    if columns:
        comparisons = st.tuples(st.just("F"), st.sampled_from(["number__gte", "number__lt"]), st.sampled_from(columns))
        leaf = st.one_of(leaf, leaf, leaf, comparisons.map(list))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda one: ["not", one]),
            st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(list),
        ),
        max_leaves=4,
    )


@st.composite
def specs(draw: Any, *, boxes: bool = False) -> str:
    lookups, columns = (BOX_LOOKUPS, []) if boxes else (ITEM_LOOKUPS, ITEM_COLUMNS)
    spec: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        spec["show"] = draw(st.sampled_from(BOX_SHOWN if boxes else [*ITEM_SHOWN, *PLACES]))
        if draw(st.integers(0, 2)) == 0:
            truth = spec["show"] == "tagged"
            spec["having"] = ["shown", draw(BOOLEAN)] if truth else ["shown__gte", draw(NUMBER)]
        if spec["show"] in PLACES:
            lookups, columns = {name: lookups[name] for name in SINGLE}, []
    if draw(st.integers(0, 4)):
        spec["where"] = draw(conditions(lookups, columns))
    orders = [*(BOX_ORDERS if boxes else ITEM_ORDERS), *(["shown"] if "show" in spec else [])]
    order = draw(st.lists(st.sampled_from(orders), max_size=3, unique_by=_column))
    if order:
        spec["order"] = [f"-{name}" if draw(BOOLEAN) else name for name in order]
    if draw(st.integers(0, 3)) == 0:
        low = draw(st.integers(0, 3))
        spec["slice"] = [low, low + draw(st.integers(1, 5))]
    if draw(st.integers(0, 3)) == 0:
        spec["distinct"] = True
    match draw(st.integers(0, 7)):
        case 0:
            spec["values"] = True
        case 1:
            spec["only"] = ["title"]
    return json.dumps(spec, separators=(",", ":"))


@st.composite
def grouped(draw: Any, stream: str) -> str:
    spec: dict[str, Any] = {"total": draw(st.sampled_from(sorted(TOTALS)))}
    if draw(st.integers(0, 2)) == 0:
        spec["where"] = draw(conditions(ITEM_LOOKUPS, ITEM_COLUMNS))
    if draw(st.integers(0, 3)) == 0:
        spec["having"] = ["shown__gte", draw(NUMBER)]
    order = draw(
        st.lists(
            st.sampled_from([*GROUPED[stream], "shown", "shown<"]), max_size=2, unique_by=lambda name: name.strip("<")
        )
    )
    if order:
        spec["order"] = [f"-{name}" if draw(BOOLEAN) else name for name in order]
    if draw(st.integers(0, 3)) == 0:
        low = draw(st.integers(0, 2))
        spec["slice"] = [low, low + draw(st.integers(1, 3))]
    return json.dumps(spec, separators=(",", ":"))


def _column(order: str) -> str:
    """What an ordering selects in the subquery of a count: MySQL takes no two columns of one name, of any table."""
    name = order.strip("<>")
    return name.rpartition("__")[2] if BACKEND == "mysql" else name


# of which several live queries have the same, so that they are asked together, and about changed rows alone
PLAIN = [
    {},
    {"order": ["title"]},
    {"order": ["-number", "title"]},
    {"order": ["number>", "done"], "where": ["done", False]},
    {"order": ["day<", "-title"], "where": ["number__gte", 0]},
    {"order": ["number"], "where": ["person__region__rank__gte", 0]},
]


def plain(*, boxes: bool) -> st.SearchStrategy[str]:
    found = [{}, {"order": ["-rank", "title"]}] if boxes else PLAIN
    return st.sampled_from([json.dumps(spec, separators=(",", ":")) for spec in found])


def specs_of(*, boxes: bool) -> st.SearchStrategy[str]:
    return st.one_of(specs(boxes=boxes), plain(boxes=boxes))


PAGES = [{"page": number} for number in (1, 2, 3, 9)]
WINDOWS = [{"window": window} for window in ("0:6", "3:6", "6:12", "-3:0", "-6:-3", "-12:0")]


@st.composite
def paged(draw: Any) -> str:
    """A spec with a page or a window; a slice has none from its end."""
    spec = json.loads(draw(specs_of(boxes=False)))
    spec.pop("slice", None)
    return json.dumps(spec | draw(st.sampled_from([*PAGES, *WINDOWS])), separators=(",", ":"))


# names of writes and streams that are left out, to see what lies behind a failure
WITHOUT = set(os.environ.get("REALTIME_ORACLE_WITHOUT", "").split())

SMALL = st.integers(0, 11)

FORMATS = {
    "oracle.items": ["data", "data", "data", "html", "value:count"],
    "oracle.shared": ["data", "data", "html"],
    "oracle.mine": ["data", "data", "html", "value:count"],
    "oracle.reader": ["data", "data", "value:done"],
    "oracle.readers": ["data", "data", "html", "value:done"],
    "oracle.readers_named": ["data", "data", "html", "value:done"],
    "oracle.readers_of_box": ["data", "data", "value:done"],
    "oracle.readers_in_box": ["data", "data", "value:done"],
    "oracle.box": ["data", "data", "html", "value:count", "value:done"],
    "oracle.pages": ["data", "data", "html", "value:count"],
    "oracle.boxes": ["data", "data", "value:count"],
    "oracle.groups": ["data", "data", "html", "value:count"],
    "oracle.groups_of_box": ["data", "data", "html"],
    "oracle.groups_for_reader": ["data", "data", "html"],
}


def queries() -> st.SearchStrategy[tuple[str, str, str, int]]:
    """Stream, spec, format, and the number of a box; who asks makes it personal."""
    names = [
        "oracle.items",
        "oracle.items",
        "oracle.shared",
        "oracle.mine",
        "oracle.reader",
        "oracle.readers",
        "oracle.readers",
        "oracle.readers_named",
        "oracle.readers_of_box",
        "oracle.readers_in_box",
        "oracle.box",
        "oracle.box",
        "oracle.pages",
        "oracle.boxes",
        *GROUPED,
    ]
    streams = st.sampled_from([name for name in names if name not in WITHOUT])
    return streams.flatmap(_queries_of)


def _queries_of(stream: str) -> st.SearchStrategy[tuple[str, str, str, int]]:
    return st.tuples(st.just(stream), _spec_of(stream), st.sampled_from(FORMATS[stream]), SMALL)


def _spec_of(stream: str) -> st.SearchStrategy[str]:
    if stream in GROUPED:
        return grouped(stream)
    return paged() if stream == "oracle.pages" else specs_of(boxes=stream == "oracle.boxes")


def single_writes() -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.sampled_from(sorted(WRITES.keys() - WITHOUT)), SMALL, SMALL)


def transactions(*, size: int) -> st.SearchStrategy[list[Any]]:
    """Whether it commits, and its writes; some of them in a savepoint, which may be undone."""
    keep = st.sampled_from([True, True, True, False])
    savepoint = st.tuples(keep, single_writes(), single_writes()).map(list)
    step = st.one_of(single_writes(), single_writes(), single_writes(), savepoint)
    return st.tuples(keep, st.lists(step, min_size=size, max_size=size)).map(lambda pair: [pair[0], *pair[1]])


def draw(strategy: st.SearchStrategy[Any], number: int, seed_number: int) -> list[Any]:
    """So many values, the same ones for the same seed."""
    drawn: list[Any] = []

    @seed(seed_number)
    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        drawn.append(value)

    while len(drawn) < number:  # Hypothesis leaves out what it has drawn before
        collect()
    return drawn[:number]


def few_rows() -> st.SearchStrategy[tuple[Any, ...]]:
    """Writes of the same few rows."""
    names = ["grow_title", "save_item", "save_unchanged", "swap_items", "delete_item", "create_item"]
    name = st.one_of(st.just("grow_title"), st.sampled_from(names))
    return st.tuples(name, st.integers(0, 2), SMALL)


def repeated_steps(
    *, size: int, writes: st.SearchStrategy[tuple[Any, ...]]
) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """A history in which rows change again and again, while clients come, fall behind and return."""
    client, hub = st.integers(0, 3), st.integers(0, 1)
    reconnect = st.tuples(st.just("reconnect"), client, hub)
    slow = st.tuples(st.sampled_from(["stop reading", "stop acknowledging", "read on", "acknowledge"]), client)
    other = st.one_of(
        st.tuples(st.just("failing tick"), hub, st.sampled_from(["read", "end"])),
        st.tuples(st.just("join again"), client, SMALL),
        st.tuples(st.just("heartbeat"), client),
        reconnect,
        reconnect,
        slow,
        slow,
    )
    return histories(size, (3, st.tuples(st.just("change"), writes)), (2, other))


def failing_steps(*, size: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """A history in which most ticks fail, or read everything again, when some clients have been sent a part."""
    client, hub = st.integers(0, 3), st.integers(0, 1)
    writes = st.one_of(few_rows(), single_writes())
    failing = st.tuples(st.just("failing change"), writes, st.sampled_from(["read", "end"]))
    twice = st.tuples(st.just("change read twice"), writes, writes)
    other = st.one_of(
        st.tuples(st.just("heartbeat"), client),
        st.tuples(st.just("reconnect"), client, hub),
        st.tuples(st.just("join again"), client, SMALL),
        st.tuples(st.just("join"), client, queries()),
        st.tuples(st.sampled_from(["stop acknowledging", "acknowledge"]), client),
    )
    return histories(size, (3, failing), (2, twice), (3, st.tuples(st.just("change"), writes)), (2, other))


def grouped_queries() -> st.SearchStrategy[tuple[str, str, str, int]]:
    return st.sampled_from([name for name in GROUPED if name not in WITHOUT]).flatmap(_queries_of)


def plain_queries() -> st.SearchStrategy[tuple[str, str, str, int]]:
    names = st.sampled_from([name for name in ("oracle.items", "oracle.shared", "oracle.box") if name not in WITHOUT])
    return st.tuples(names, plain(boxes=False), st.sampled_from(["data", "html"]), SMALL)


def steps(*, size: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """A history: what writers, hubs and clients do, one after the other."""
    client, hub, writer = st.integers(0, 3), st.integers(0, 1), st.integers(0, 2)
    write = st.tuples(st.just("write"), writer, single_writes())
    quiet = st.one_of(
        write,
        write,
        write,
        write,
        st.tuples(st.just("begin"), writer),
        st.tuples(st.just("commit"), writer),
        st.tuples(st.just("roll back"), writer),
        st.tuples(st.just("join"), client, queries()),
        st.tuples(st.just("join again"), client, SMALL),
        st.tuples(st.just("open page"), client, queries(), single_writes()),
        st.tuples(st.just("leave"), client, SMALL),
        st.tuples(st.just("cut"), client),
        st.tuples(st.just("come back"), client, hub),
        st.tuples(st.just("stop reading"), client),
        st.tuples(st.just("read on"), client),
        st.tuples(st.just("stop acknowledging"), client),
        st.tuples(st.just("acknowledge"), client),
        st.tuples(st.just("heartbeat"), client),
        st.tuples(st.just("prune")),
    )
    rare = st.one_of(
        st.tuples(st.just("failing tick"), hub, st.sampled_from(["read", "end"])),
        st.tuples(st.just("tick meanwhile"), hub, quiet),
        st.tuples(st.just("tick around"), hub, st.one_of(write, st.tuples(st.just("commit"), writer))),
    )
    change, tick = st.tuples(st.just("change"), single_writes()), st.tuples(st.just("tick"), hub)
    return histories(size, (4, change), (4, quiet), (2, tick), (1, rare))


def histories(size: int, *kinds: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Histories of so many steps, of each kind as often as its weight says.

    `one_of` would give each step of each kind the same weight, because it flattens what is nested in it. A list of
    less than its greatest size has about six elements. "nothing" makes a failing history short.
    """
    kinds = ((1, st.just(("nothing",))), *kinds)
    weighted = [number for number, (weight, _) in enumerate(kinds) for _ in range(weight)]
    step = st.sampled_from(weighted).flatmap(lambda number: kinds[number][1])
    return st.lists(step, min_size=size, max_size=size)
