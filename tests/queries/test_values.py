"""Live values: computed when something that they depend on changes, and sent when they differ."""

import datetime
import json
import re
import uuid
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Sum
from django.template import Context, Template

from realtime import live_value
from realtime.exceptions import Forbidden, StreamDefinitionError
from realtime.queries.page import page_part
from tests.shapes.desk import Desk, Seen, statements
from tests.shapes.models import Card, Comment, Lane, Person


class Values:
    """What the streams of these tests compute."""

    @live_value
    def open_count(self):
        return self.get_queryset(**self.params).filter(done=False).count()

    @live_value(depends_on=["shapes.Comment"])
    def comments(self):
        return Comment.objects.filter(card__in=self.get_queryset(**self.params)).count()


@pytest.fixture
def lanes(desk):
    return [Lane.objects.create(name=name, code=name) for name in ("todo", "doing")]


def stream_of_lanes(desk, **options):
    def cards(self, lane):
        return Card.objects.filter(lane=lane)

    values = {name: vars(Values)[name] for name in ("open_count", "comments")}
    return desk.stream(Card, cards, partition_by=["lane"], **(values | options))


@pytest.fixture
def counts(desk, lanes):
    """The number of open cards in each lane, live."""
    stream = stream_of_lanes(desk)
    return [desk.watch(stream, format="value:open_count", lane=lane.pk) for lane in lanes]


def sent(desk: Desk, lives: list[Seen]) -> list[object]:
    """Tick, and say what each was sent: a value, or "nothing"."""
    for seen in lives:
        seen.deltas.clear()
    desk.tick()
    return [seen.deltas[-1]["puts"][0]["row"] if seen.deltas else "nothing" for seen in lives]


class TestSending:
    def test_value_is_there_at_once(self, counts):
        assert [seen.rows for seen in counts] == [{"open_count": 0}, {"open_count": 0}]

    def test_sent_when_it_differs_and_in_its_partition_only(self, desk, lanes, counts):
        Card.objects.create(title="a", lane=lanes[0])
        assert sent(desk, counts) == [1, "nothing"]

    def test_not_sent_when_it_is_the_same(self, desk, lanes, counts):
        Card.objects.create(title="a", lane=lanes[0], done=True)
        assert sent(desk, counts) == ["nothing", "nothing"]

    def test_not_computed_for_another_partition(self, desk, lanes, counts):
        Card.objects.create(title="a", lane=lanes[0])
        with statements() as captured:
            desk.tick()
        assert sum("COUNT(" in sql for sql in captured.only) == 1

    @pytest.mark.parametrize("way", ["save", "update", "bulk_update"])
    def test_both_partitions_of_a_row_that_moves(self, desk, lanes, counts, way):
        card = Card.objects.create(title="a", lane=lanes[0])
        assert sent(desk, counts) == [1, "nothing"]
        card.lane = lanes[1]
        match way:
            case "save":
                card.save()
            case "update":
                Card.objects.filter(pk=card.pk).update(lane=lanes[1])
            case "bulk_update":
                Card.objects.bulk_update([card], ["lane"])
        assert sent(desk, counts) == [0, 1]

    def test_deletion(self, desk, lanes, counts):
        card = Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        card.delete()
        assert sent(desk, counts) == [0, "nothing"]

    def test_back_and_forth_within_a_tick_is_not_sent(self, desk, lanes, counts):
        card = Card.objects.create(title="a", lane=lanes[0])
        card.delete()
        assert sent(desk, counts) == ["nothing", "nothing"]

    def test_rows_and_values_of_one_stream_are_each_their_own(self, desk, lanes):
        stream = stream_of_lanes(desk)
        rows = desk.watch(stream, lane=lanes[0].pk)
        value = desk.watch(stream, format="value:open_count", lane=lanes[0].pk)
        Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        rows.check()
        assert value.rows == {"open_count": 1}

    def test_model_that_the_value_depends_on(self, desk, lanes):
        stream = stream_of_lanes(desk)
        comments = desk.watch(stream, format="value:comments", lane=lanes[0].pk)
        count = desk.watch(stream, format="value:open_count", lane=lanes[0].pk)
        card = Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        Comment.objects.create(card=card)
        with statements() as captured:
            assert sent(desk, [comments, count]) == [1, "nothing"]
        assert sum("COUNT(" in sql for sql in captured.only) == 1  # the other one does not depend on comments

    def test_one_that_fails_is_empty_and_the_others_go_on(self, desk, lanes, caplog):
        def fail(self):
            if Card.objects.exists():
                raise RuntimeError("secret")
            return 0

        stream = stream_of_lanes(desk, failing=live_value(fail))
        count = desk.watch(stream, format="value:open_count", lane=lanes[0].pk)
        failing = desk.watch(stream, format="value:failing", lane=lanes[0].pk)
        Card.objects.create(title="a", lane=lanes[0])
        tick = desk.tail.tick({}, ())
        assert tick.failed == set()
        assert set(tick.deltas) == {count.query, failing.query}
        assert json.loads(tick.deltas[failing.query].encoded("whole"))["puts"] == [{"key": "failing", "row": None}]
        assert "The row failing of the stream" in caplog.text


class TestResuming:
    def test_who_missed_nothing_is_sent_nothing(self, desk, lanes, counts):
        away = counts[0].past()
        Card.objects.create(title="a", lane=lanes[1])
        desk.bring(away)
        assert away.answer is None

    def test_who_missed_a_change_is_sent_the_value(self, desk, lanes, counts):
        away = counts[0].past()
        Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        desk.bring(away)
        assert away.rows == {"open_count": 1}

    def test_who_missed_a_change_of_a_model_that_it_depends_on(self, desk, lanes):
        stream = stream_of_lanes(desk)
        seen = desk.watch(stream, format="value:comments", lane=lanes[0].pk)
        card = Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        away = seen.past()
        Comment.objects.create(card=card)
        desk.tick()
        desk.bring(away)
        assert away.rows == {"comments": 1}

    def test_who_missed_that_a_row_left(self, desk, lanes, counts):
        card = Card.objects.create(title="a", lane=lanes[0])
        desk.tick()
        away = counts[0].past()
        Card.objects.filter(pk=card.pk).update(lane=lanes[1])
        desk.tick()
        desk.bring(away)
        assert away.rows == {"open_count": 0}


class TestAudience:
    def test_everyone_has_their_own(self, desk, lanes):
        people = [Person.objects.create(name=name) for name in ("ada", "ben")]

        def mine(self):
            return Card.objects.filter(person=self.audience_key)

        stream = desk.stream(Card, mine, count=live_value(lambda self: self.get_queryset().count()))
        lives = [desk.watch(stream, format="value:count", audience=person.pk) for person in people]
        Card.objects.create(title="a", lane=lanes[0], person=people[0])
        assert sent(desk, lives) == [1, "nothing"]

    def test_who_may_not_see_the_stream_may_not_see_its_values(self, desk, lanes):
        stream = stream_of_lanes(desk, authorize=lambda self, user, lane: False)
        with pytest.raises(Forbidden):
            page_part(AnonymousUser(), stream.name, {"lane": lanes[0].pk}, "value:open_count")

    def test_value_that_does_not_exist(self, desk, lanes):
        stream = stream_of_lanes(desk, **OPEN)
        with pytest.raises(StreamDefinitionError) as caught:
            page_part(AnonymousUser(), stream.name, {"lane": lanes[0].pk}, "value:nothing")
        assert str(caught.value) == (
            f"The stream {stream.name!r} has no live value 'nothing'. It has: comments, open_count."
        )


OPEN = {"allow_anonymous": True, "authorize": lambda self, user, **params: True}

# What a method returns, what clients get, and what the page shows.
KINDS = {
    "integer": (3, 3, "3"),
    "nothing": (None, None, ""),
    "text": ("a <b>", "a <b>", "a &lt;b&gt;"),
    "truth": (True, True, "true"),
    "decimal": (Decimal("12.50"), "12.50", "12.50"),
    "float": (0.5, 0.5, "0.5"),
    "whole float": (2.0, 2.0, "2"),
    "date": (datetime.date(2026, 1, 2), "2026-01-02", "2026-01-02"),
    "uuid": (uuid.UUID(int=1), str(uuid.UUID(int=1)), str(uuid.UUID(int=1))),
    "list": ([1, "a"], [1, "a"], "[1,&quot;a&quot;]"),
    "dictionary": ({"a": None}, {"a": None}, "{&quot;a&quot;:null}"),
}


@pytest.mark.parametrize(("value", "data", "text"), KINDS.values(), ids=KINDS)
class TestKinds:
    def test_as_data(self, desk, lanes, value, data, text):
        stream = stream_of_lanes(desk, value=live_value(lambda self: value))
        assert desk.watch(stream, format="value:value", lane=lanes[0].pk).rows == {"value": data}

    def test_in_a_page(self, desk, lanes, value, data, text):
        stream = stream_of_lanes(desk, value=live_value(lambda self: value), **OPEN)
        assert _page(f'{{% live_value "{stream.name}" "value" lane=lane %}}', lane=lanes[0].pk)[1] == text


def test_tag_says_what_the_browser_subscribes_to(desk, lanes):
    Card.objects.create(title="a", lane=lanes[0])
    stream = stream_of_lanes(desk, **OPEN)
    tag = f'{{% live_value "{stream.name}" "open_count" lane=lane container="b" class="big" %}}'
    element, text = _page(tag, lane=lanes[0].pk)
    assert text == "1"
    assert re.sub(r'(cursor|fingerprint|token)="[^"]+"', r'\1="…"', element) == (
        f'<b data-live="{stream.name}" data-live-format="value:open_count"'
        f' data-live-params="{{&quot;lane&quot;:{lanes[0].pk}}}"'
        ' data-live-cursor="…" data-live-fingerprint="…" data-live-token="…"'
        ' class="big">'
    )


def test_value_of_a_page_is_brought_to_the_present_from_its_cursor(desk, lanes):
    stream = stream_of_lanes(desk, **OPEN)
    part = page_part(AnonymousUser(), stream.name, {"lane": lanes[0].pk}, "value:open_count")
    Card.objects.create(title="a", lane=lanes[0])
    seen = Seen(stream({"lane": lanes[0].pk}), "value:open_count", None)
    seen.cursor = part.cursor
    seen.hold({"open_count": part.rows[0]})
    assert seen.rows == {"open_count": 0}
    desk.bring(seen)
    assert seen.rows == {"open_count": 1}


def test_sum_of_decimals_and_nothing(desk, lanes):
    stream = stream_of_lanes(
        desk, total=live_value(lambda self: self.get_queryset(**self.params).aggregate(n=Sum("rank"))["n"])
    )
    seen = desk.watch(stream, format="value:total", lane=lanes[0].pk)
    assert seen.rows == {"total": None}
    Card.objects.create(title="a", lane=lanes[0], rank=4)
    assert sent(desk, [seen]) == [4]


def test_value_that_json_cannot_hold_is_empty_and_the_log_names_the_stream(desk, lanes, caplog):
    stream = stream_of_lanes(desk, value=live_value(lambda self: object()), **OPEN)
    assert page_part(AnonymousUser(), stream.name, {"lane": lanes[0].pk}, "value:value").rows == [None]
    assert str(caplog.records[0].exc_info[1]) == (
        f"A row or value of the stream {stream.name!r} is nothing that JSON can hold: "
        "Object of type object is not JSON serializable. Return text, a number, a list or a dictionary."
    )


def _page(tag: str, **context: object) -> tuple[str, str]:
    """The opening tag, and what is in the element."""
    request = SimpleNamespace(user=AnonymousUser(), session=None, META={})
    html = Template(f"{{% load realtime %}}{tag}").render(Context({"request": request, **context}))
    opening, _, rest = html.partition(">")
    return opening + ">", rest.rpartition("</")[0]
