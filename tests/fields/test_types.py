"""Rows with every type of field: as data and as HTML, after a page as after a push, on each database."""

import datetime
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import F
from django.db.models.functions import TruncDate
from django.utils import timezone, translation

from realtime.capture import orm
from realtime.conf import settings
from realtime.queries.page import page_part
from tests.fields.models import Everything, Kind, Level
from tests.shapes.desk import Desk

pytestmark = pytest.mark.databases

UUID = uuid.UUID("0123456789ab4def8123456789abcdef")
FIELDS = [field.name for field in Everything._meta.concrete_fields if field.name != "id"]
BERLIN = datetime.datetime(2026, 1, 2, 13, 30, 15, 250000, tzinfo=ZoneInfo("Europe/Berlin"))

# What a row is given, and what clients get.
VALUES: dict[str, tuple[Any, Any]] = {
    "big_integer": (-(2**63), -(2**63)),
    "binary": (b"\x00\xff", "AP8="),
    "boolean": (False, False),
    "char": ("<b>ä</b>", "<b>ä</b>"),
    "date": (datetime.date(2026, 1, 2), "2026-01-02"),
    "date_time": (BERLIN, "2026-01-02T12:30:15.250000Z"),
    "decimal": (Decimal("1234.5"), "1234.5000"),
    "duration": (datetime.timedelta(days=1, hours=2, microseconds=5), "P1DT7200.000005S"),
    "email": ("ada@example.org", "ada@example.org"),
    "file": ("texts/a b.txt", "/media/texts/a%20b.txt"),
    "file_path": (str(Path(__file__).parent / "models.py"), str(Path(__file__).parent / "models.py")),
    "float": (2.0, 2.0),
    "generated": (None, 14),
    "image": ("images/a.png", "/media/images/a.png"),
    "integer": (7, 7),
    "ip": ("2001:DB8::1", "2001:db8::1"),
    "json": ({"list": [1.5, None, "x"], "none": None}, {"list": [1.5, None, "x"], "none": None}),
    "level": (Level.HIGH, 2),
    "positive_big_integer": (2**63 - 1, 2**63 - 1),
    "positive_integer": (2**31 - 1, 2**31 - 1),
    "positive_small_integer": (32767, 32767),
    "size": ("l", "l"),
    "slug": ("a-b", "a-b"),
    "small_integer": (-5, -5),
    "text": ("two\nlines", "two\nlines"),
    "time": (datetime.time(23, 59, 1), "23:59:01"),
    "url": ("https://example.org/?a=1&b=2", "https://example.org/?a=1&b=2"),
    "uuid": (UUID, str(UUID)),
    "foreign_key": (UUID, str(UUID)),
    "one_to_one": (UUID, str(UUID)),
    "colour": ("blue", "the colour blue"),
}
HTML = """
-9223372036854775808|00ff|Nein|&lt;b&gt;ä&lt;/b&gt;|2. Januar 2026
2. Januar 2026 13:30|1234,5000|1 day, 2:00:00.000005|ada@example.org|/media/texts/a%20b.txt
2,0|14|/media/images/a.png|7|2001:db8::1|{&#x27;list&#x27;: [1.5, None, &#x27;x&#x27;], &#x27;none&#x27;: None}
1,5|High level|2|Large|a-b
two<br>lines|23:59|https://example.org/?a=1&amp;b=2|01234567-89ab-4def-8123-456789abcdef|kind
the colour blue|Ja
</li>"""


@pytest.fixture(autouse=True)
def german_site(settings: Any) -> None:
    settings.MEDIA_URL = "/media/"
    settings.LANGUAGE_CODE = "de"
    settings.TIME_ZONE = "Europe/Berlin"


def everything(self: Any) -> Any:
    return Everything.objects.order_by("pk")


def create(values: Any = (), **others: Any) -> Everything:
    Kind.objects.get_or_create(pk=UUID, name="kind")
    given = {name: value for name, (value, _) in dict(values).items() if name != "generated"} | others
    for name in ("foreign_key", "one_to_one"):
        if name in given:
            given[f"{name}_id"] = given.pop(name)
    return Everything.objects.create(**given)


def seen_both_ways(desk: Desk, **options: Any) -> list[Any]:
    """The row as it comes to who asks for it, and as it came to who was there before it."""
    stream = desk.stream(Everything, everything, **{"fields": FIELDS, **options})
    format = "html" if "template_name" in options else "data"
    before = desk.watch(stream, format=format)
    row = create(VALUES)
    desk.tick()
    after = desk.watch(stream, format=format)
    return [seen.rows[str(row.pk)] for seen in (before, after)]


def test_row_as_data(desk):
    expected = {name: data for name, (_, data) in VALUES.items()}
    assert expected.keys() == set(FIELDS)
    assert seen_both_ways(desk, fields=FIELDS) == [expected, expected]


def test_row_as_html(desk):
    rows = [row.partition(">")[2] for row in seen_both_ways(desk, template_name="fields/everything.html")]
    assert rows == [HTML, HTML]


def test_row_without_values_as_data(desk):
    stream = desk.stream(Everything, everything, fields=FIELDS)
    seen = desk.watch(stream)
    row = create()
    desk.tick()
    assert seen.rows == {str(row.pk): dict.fromkeys(FIELDS)}


def test_every_field_shows_its_change(desk):
    stream = desk.stream(Everything, everything, fields=FIELDS)
    seen = desk.watch(stream)
    row = create()
    desk.tick()
    for name, (value, data) in VALUES.items():
        if name != "generated":
            key = f"{name}_id" if Everything._meta.get_field(name).is_relation else name
            Everything.objects.filter(pk=row.pk).update(**{key: value})
            desk.tick()
            assert (name, seen.rows[str(row.pk)][name]) == (name, data)
    assert seen.rows[str(row.pk)]["generated"] == 14


def test_page_of_a_visitor_abroad_has_the_html_of_the_push(desk):
    stream = desk.stream(
        Everything, everything, template_name="fields/everything.html", authorize=lambda self, user: True,
        allow_anonymous=True,
    )  # fmt: skip
    seen = desk.watch(stream, format="html")
    row = create(VALUES)
    desk.tick()
    with translation.override("fr"), timezone.override("Asia/Tokyo"):
        [html] = page_part(AnonymousUser(), stream.name, {}).rows
    assert html == seen.rows[str(row.pk)]


@pytest.mark.skipif(connection.vendor == "mysql", reason="needs MySQL's tables of time zones")
def test_page_of_a_visitor_abroad_has_the_rows_of_the_push(desk):
    """A day begins and ends with the site's, also in conditions that look at the current time zone."""
    late = create(VALUES, date_time=datetime.datetime(2026, 1, 2, 22, 30, tzinfo=datetime.UTC))  # the third in Tokyo
    stream = desk.stream(
        Everything,
        lambda self: Everything.objects.filter(date_time__date="2026-01-02").annotate(day=TruncDate("date_time")),
        fields=["day"],
        template_name="fields/everything.html",
        authorize=lambda self, user: True,
        allow_anonymous=True,
    )
    assert desk.watch(stream).rows == {str(late.pk): {"day": "2026-01-02"}}
    with timezone.override("Asia/Tokyo"):
        assert len(page_part(AnonymousUser(), stream.name, {}).rows) == 1


@pytest.mark.parametrize("value", [None, [], {}, "", 0, False, [None], {"a": {"b": [1, "ä", None]}}, 2.5, "null"])
def test_json_of_each_kind(desk, value):
    seen = desk.watch(desk.stream(Everything, everything, fields=["json"]))
    row = create(json=value)
    desk.tick()
    assert seen.rows == {str(row.pk): {"json": value}}


def test_condition_on_a_key_of_json_is_asked_of_the_database(desk):
    stream = desk.stream(
        Everything,
        lambda self: Everything.objects.filter(json__state="open").annotate(who=F("json__owner__name")),
        fields=["who"],
    )
    seen = desk.watch(stream)
    row = create(json={"state": "open", "owner": {"name": "ada"}})
    create(json={"state": None})
    create(json={})
    desk.tick()
    assert seen.rows == {str(row.pk): {"who": "ada"}}
    Everything.objects.filter(pk=row.pk).update(json={"state": "closed"})
    desk.tick()
    assert seen.rows == {}


def test_time_that_the_clock_has_twice_is_told_apart(desk):
    """At the end of summer time an hour comes twice; data has it in UTC."""
    seen = desk.watch(desk.stream(Everything, everything, fields=["date_time"]))
    hour = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    rows = [create(date_time=hour.replace(fold=fold)) for fold in (0, 1)]
    desk.tick()
    assert [seen.rows[str(row.pk)]["date_time"] for row in rows] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL stores it")
def test_not_a_number_is_null(desk):
    seen = desk.watch(desk.stream(Everything, everything, fields=["float"]))
    row = create(float=float("nan"))
    desk.tick()
    assert seen.rows == {str(row.pk): {"float": None}}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has them")
def test_arrays_and_ranges(desk):
    from tests.fields.models import Special

    stream = desk.stream(Special, lambda self: Special.objects.all(), fields=["numbers", "days", "span", "dates"])
    seen = desk.watch(stream)
    day = datetime.date(2026, 1, 2)
    row = Special.objects.create(numbers=[1, 2], days=[[day]], span=(1, 5), dates=(day, None))
    desk.tick()
    assert seen.rows == {
        str(row.pk): {
            "numbers": [1, 2],
            "days": [["2026-01-02"]],
            "span": '{"bounds": "[)", "lower": "1", "upper": "5"}',
            "dates": '{"bounds": "[)", "lower": "2026-01-02", "upper": null}',
        }
    }


@pytest.mark.parametrize("name", [name for name in VALUES if name != "generated"])
def test_save_of_an_unchanged_value_is_no_change_and_of_another_one_is(desk, name, monkeypatch):
    """Where capture knows the values before; elsewhere, each write is one."""
    desk.stream(Everything, everything, fields=["id"])
    monkeypatch.setattr(orm._tables[Everything], "is_followed", True)
    row = create(VALUES)
    attribute = Everything._meta.get_field(name).attname
    value, log = getattr(row, attribute), desk.tail.log

    def saves(value: Any) -> int:
        setattr(row, attribute, value)
        before = log.head()
        row.save()
        return sum(change.model == "fields.everything" for change in log.read(before, limit=9).changes)

    vendor = connection.vendor, settings.CAPTURE
    unchanged = 0 if vendor in {("sqlite", "orm"), ("postgresql", "triggers")} else 1
    assert [saves(value), saves(None), saves(None), saves(value)] == [unchanged, 1, unchanged, 1]
