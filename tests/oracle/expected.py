"""What a client has to see: the rows of a fresh QuerySet, put together without any code of `realtime`."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.html import escape

from tests.oracle import specs
from tests.oracle.models import Box, Item

Rows = list[tuple[str, Any]]

# streams by the condition on their user, None for none; and those with a box
PERSONAL = {
    "oracle.shared": None,
    "oracle.mine": "reader",
    "oracle.reader": "reader",
    "oracle.readers": "readers",
    "oracle.readers_named": "readers",
    "oracle.readers_of_box": "box__readers",
    "oracle.readers_in_box": "readers",
    "oracle.groups_for_reader": "reader",
}
NAMED = ("oracle.mine", "oracle.readers_named")  # streams whose own QuerySet has the condition
OF_BOX = ("oracle.box", "oracle.readers_in_box", "oracle.groups_of_box")


class Wanted(NamedTuple):
    """A live query, as the oracle knows it."""

    stream: str
    spec: str
    box: int | None
    user: int | None
    format: str

    @property
    def params(self) -> dict[str, Any]:
        window = {name: value for name, value in json.loads(self.spec).items() if name in ("page", "window")}
        return {"spec": self.spec} | ({} if self.box is None else {"box": self.box}) | window


def wanted(stream: str, params: Mapping[str, Any], audience: Any, format: str) -> Wanted:
    return Wanted(stream, params["spec"], params.get("box"), audience, format)


def rows(want: Wanted) -> Rows:
    """The keys and rows of the present, in order."""
    kind, _, value = want.format.partition(":")
    if kind == "value":
        return [(value, _done(want) if value == "done" else _count(want))]
    if want.stream in specs.GROUPED:
        return _groups(want)
    render = _html if want.format == "html" else _data
    found: dict[str, Any] = {}
    found_rows = list(specs.queryset(_all(want), want.spec, total=True, among=_keys(want)))
    instances, is_reversed = _window(found_rows, json.loads(want.spec))
    for instance in instances:
        found.setdefault(str(instance.pk), instance)  # joins may give a row several times
    rows = [(key, render(instance)) for key, instance in found.items()]
    return rows[::-1] if is_reversed else rows


def _groups(want: Wanted) -> Rows:
    by = specs.GROUPED[want.stream]
    rows = []
    for group in specs.groups(_all(want), want.stream, want.spec, total=True, among=_keys(want)):
        key = json.dumps([None if group[name] is None else str(group[name]) for name in by], separators=(",", ":"))
        rows.append((key, _group_html(key, group) if want.format == "html" else group))
    return rows


def _group_html(key: str, group: Mapping[str, Any]) -> str:
    shown = f"{group.get('done', '')} {group['shown']}"
    return f'<li data-live-key="{escape(key)}" class="group">{shown}</li>'


def _window(instances: list[Any], spec: Mapping[str, Any]) -> tuple[list[Any], bool]:
    """The part that the spec wants; what counts from the end is in reverse order."""
    if "page" in spec:
        return list(Paginator(instances, 3).get_page(spec["page"])), False
    if "window" not in spec:
        return instances, False
    start, stop = map(int, spec["window"].split(":"))
    return (instances[::-1][-stop:-start], True) if start < 0 else (instances[start:stop], False)


def _count(want: Wanted) -> int:
    if want.stream in specs.GROUPED:
        return len(specs.groups(_all(want), want.stream, want.spec, among=_keys(want)))
    return sum(1 for _ in specs.queryset(_all(want), want.spec, among=_keys(want)).iterator())


def _done(want: Wanted) -> int:
    rows, keys = _all(want).filter(done=True), _keys(want)
    return (rows if keys is None else rows.filter(pk__in=keys)).count()


def _all(want: Wanted) -> QuerySet[Any]:
    if want.stream == "oracle.boxes":
        return Box.objects.all()
    conditions: dict[str, Any] = {"box": want.box} if want.stream in OF_BOX else {}
    if want.stream in NAMED:
        conditions[PERSONAL[want.stream]] = want.user
    return Item.objects.filter(**conditions)


def _keys(want: Wanted) -> QuerySet[Any] | None:
    """The keys of the rows for the user, if the stream says whom a row is for."""
    condition = None if want.stream in NAMED else PERSONAL.get(want.stream)
    return None if condition is None else Item.objects.filter(**{condition: want.user}).values("pk")


def _data(instance: Any) -> dict[str, Any]:
    if isinstance(instance, Box):
        return {"id": instance.pk, "title": instance.title, "rank": instance.rank, "shown": instance.shown}
    person = instance.person
    return {
        "id": instance.pk,
        "title": instance.title,
        "number": instance.number,
        "done": instance.done,
        "day": instance.day and instance.day.isoformat(),
        "box.title": instance.box.title,
        "person.name": person and person.name,
        "person.region.name": person and person.region and person.region.name,
        "parent.title": instance.parent and instance.parent.title,
        "shown": instance.shown,
        "tag_names": sorted(instance.tags.values_list("name", flat=True)),
    }


def _html(instance: Any) -> str:
    # what a template makes of a value that is not there: nothing for an attribute, "None" for the value itself
    person = getattr(instance, "person", None)
    name = escape(person.name) if person else ""
    return f'<li data-live-key="{instance.pk}" class="row">{instance.pk} {escape(instance.title)} {name}</li>'


def differences(seen: Rows, expected: Rows) -> str:
    """Where two lists of rows differ, for the message of a failure; empty where they do not."""
    if seen == expected:
        return ""
    lines = [f"keys seen     {[key for key, _ in seen]}", f"keys expected {[key for key, _ in expected]}"]
    was = dict(seen)
    for key, row in expected:
        if key in was and was[key] != row:
            lines.append(f"row {key}: seen {json.dumps(was[key])}, expected {json.dumps(row)}")
    return "\n".join(lines)
