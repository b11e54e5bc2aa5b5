"""Primary keys of each kind: in the log, in what clients are told, and read back from their text."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest

from realtime.streams.keys import key_text, parse_key
from tests.fields.models import Day, Host, Kind, Long, Moment, Price, Slot

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
