"""Primary keys of each kind: in the log, in what clients are told, and read back from their text."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import DurationField

from realtime.streams.keys import cleaned, key_text, parse_key
from tests.fields.models import Day, Host, Kind, Long, Moment, Price, Slot
from tests.shapes.models import Slug
from tests.support.upserts import upsert

pytestmark = pytest.mark.databases

UUIDS = [uuid.UUID(int=number) for number in (1, 2)]
MOMENTS = [datetime.datetime(2026, 1, day, 12, 30, 0, 5, tzinfo=datetime.UTC) for day in (1, 2)]
KEYS: dict[Any, list[Any]] = {
    Kind: UUIDS,
    Moment: MOMENTS,
    Day: [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)],
    Price: [Decimal("1.500"), Decimal("20.000")],
    Host: ["10.0.0.1", "2001:db8::1"],
    Long: ["a/b", "ä"],
    Slot: [(UUIDS[0], MOMENTS[0], 1), (UUIDS[1], MOMENTS[1], -2)],
}


@pytest.mark.parametrize("model", KEYS, ids=lambda model: model.__name__)
class TestKeys:
    def test_rows_are_put_changed_and_dropped(self, desk, model):
        for kind in UUIDS:
            Kind.objects.create(pk=kind, name="kind") if model is Slot else None
        seen = desk.watch(desk.stream(model, lambda self: model.objects.order_by("pk"), fields=["name"]))
        away = seen.past()
        one, other = (model.objects.create(pk=key, name="new") for key in KEYS[model])
        desk.tick()
        model.objects.filter(pk=one.pk).update(name="changed")
        desk.tick()
        other.delete()
        desk.tick()
        assert seen.rows == {key_text(one.pk): {"name": "changed"}}
        desk.bring(away)
        assert away.rows == seen.rows

    def test_text_is_read_back_as_the_key(self, model):
        assert [parse_key(model, key_text(key)) for key in KEYS[model]] == KEYS[model]


class TestTexts:
    def test_decimals_of_many_digits_have_texts_of_their_own(self):
        one, other = (Decimal(f"{10**39 + number}.50") for number in range(2))
        assert key_text(one) == f"{10**39}.5"
        assert key_text(other) == f"{10**39 + 1}.5"

    def test_minus_zero_has_the_text_of_zero(self):
        assert key_text(Decimal("-0.00")) == key_text(Decimal("0.0")) == "0"
        assert key_text(-0.0) == key_text(0.0) == "0.0"

    @pytest.mark.parametrize(
        "moment",
        [
            datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=14))),
            datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-12))),
        ],
    )
    def test_moment_that_is_out_of_range_in_utc_has_a_text(self, moment):
        assert key_text(moment) == str(moment)


class TestRefusals:
    @pytest.mark.parametrize("text", ["123456", "1e999999", "1e9999999", "Infinity"])
    def test_decimal_that_no_row_can_have_is_no_key(self, text):
        with pytest.raises((ValueError, ValidationError)):
            parse_key(Price, text)

    def test_text_that_postgresql_cannot_hold_is_no_key(self):
        with pytest.raises(ValueError):  # noqa: PT011 - callers only tell it from other types
            parse_key(Long, "a\x00b")

    @pytest.mark.parametrize("text", ["here", "10.0.0.256"])
    def test_text_that_is_no_address_is_no_key(self, text):
        with pytest.raises(ValidationError):
            parse_key(Host, text)

    def test_duration_out_of_range_is_no_value(self):
        with pytest.raises((ValueError, ValidationError)):
            cleaned(DurationField(), "999999999999 00:00:00")


def watch_title(desk, title: str):
    """Watch the slugs with this title, in a stream that is partitioned by it."""
    stream = desk.stream(
        Slug,
        lambda self, title: Slug.objects.filter(title=title).order_by("pk"),
        fields=["code"],
        partition_by=["title"],
    )
    return desk.watch(stream, title=title)


@pytest.mark.skipif(connection.vendor == "mysql", reason="the two keys are one")
def test_row_whose_key_differs_in_case_from_that_of_a_deleted_one_leaves(desk):
    Slug.objects.bulk_create([Slug(code="a", title="here"), Slug(code="A", title="here")])
    seen = watch_title(desk, "here")
    Slug.objects.filter(pk="a").delete()
    desk.tick()
    upsert(Slug(code="A", title="there"), fields=["title"], on="code")  # which logs no old title
    desk.tick()
    assert seen.rows == {}


def test_row_with_a_capital_key_is_found_although_its_place_is_not_logged(desk):
    seen = watch_title(desk, "here")
    upsert(Slug(code="DE", title="here"), Slug(code="Á", title="here"), fields=["title"], on="code")
    desk.tick()
    seen.check()
    assert len(seen.rows) == 2
