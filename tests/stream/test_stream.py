"""ModelStream: what its declaration means for parameters, partitions and formats."""

from __future__ import annotations

import datetime
import enum
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
import pytest
from django.core.exceptions import BadRequest

from realtime import ModelStream, live_value
from realtime.exceptions import BadParameters
from tests.models import Book, Shelf

CHOICE = "Select a valid choice. That choice is not one of the available choices."


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def stream(get_queryset, **attributes):
    fixed = {"model": Book, "fields": ["id"], "name": "made", "get_queryset": get_queryset}
    return type("Made", (ModelStream,), fixed | attributes)


def clean(get_queryset, *, partition_by=(), **given):
    return stream(get_queryset, partition_by=partition_by).clean_params(given)


def refusal(get_queryset, *, partition_by=(), **given):
    with pytest.raises(BadParameters) as refused:
        clean(get_queryset, partition_by=partition_by, **given)
    return refused.value.reason


class TestParameters:
    def test_annotation_converts(self):
        def rows(self, number: int, day: datetime.date, key: uuid.UUID, flag: bool, words: str): ...

        key = uuid.UUID(int=5)
        assert clean(rows, number="7", day="2026-01-31", key=str(key), flag="true", words="a b") == {
            "number": 7,
            "day": datetime.date(2026, 1, 31),
            "key": key,
            "flag": True,
            "words": "a b",
        }

    def test_field_of_the_partition_converts(self):
        assert clean(lambda self, shelf: None, partition_by=["shelf"], shelf="7") == {"shelf": 7}

    def test_plain_values_stay(self):
        for value in ("x", 1, 1.5, True):
            assert clean(lambda self, thing: None, thing=value) == {"thing": value}

    def test_default_stands_in(self):
        assert clean(lambda self, column="todo", owner=None: None) == {"column": "todo", "owner": None}
        assert clean(lambda self, owner=None: None, owner=None) == {"owner": None}

    def test_missing_one_is_named(self):
        assert refusal(lambda self, shelf, column: None, shelf=1) == (
            "The stream 'made' needs the parameter 'column'; it has: shelf, column."
        )

    def test_unknown_one_is_named(self):
        assert refusal(lambda self, shelf: None, shelf=1, colour="red") == (
            "The stream 'made' has no parameter 'colour'; it has: shelf."
        )
        assert refusal(lambda self: None, shelf=1) == "The stream 'made' has no parameter 'shelf'; it has: none."

    @pytest.mark.parametrize(
        "value",
        ["x", "", "7.5", "\u0667x", 7.5, True, None, "x" * 1001, "7\x00", 2**63, -(2**63), 10**30, "9" * 30, "NaN"],
    )
    def test_value_of_a_wrong_type_is_not_repeated(self, value):
        wrong = "The parameter 'shelf' of the stream 'made' has a value of the wrong type."

        def annotated(self, shelf: int): ...

        if value is not True:  # which is an integer, to Python
            assert refusal(annotated, shelf=value) == wrong
        if value is not None:  # which is a value that a row can have
            assert refusal(lambda self, shelf: None, partition_by=["shelf"], shelf=value) == wrong

    def test_empty_text_is_the_default_where_the_type_takes_no_text(self):
        def rows(
            self, q: str = "all", plain="x", day: datetime.date | None = None, most: int = 5, done: bool = False
        ): ...

        given = dict.fromkeys(["q", "plain", "day", "most", "done"], "")
        assert clean(rows, **given) == {"q": "", "plain": "", "day": None, "most": 5, "done": False}

    @pytest.mark.parametrize(
        ("annotation", "value", "sentence"),
        [
            (int, "x", "Enter a whole number."),
            (float | None, "x", "Enter a number."),
            (datetime.date, "2026-02-30", "Enter a valid date."),
            (uuid.UUID, "x", "Enter a valid UUID."),
            (Literal["open", "done"] | None, "x", CHOICE),
            (Annotated[Literal["open"], "of a column"], "x", CHOICE),
            (Annotated[float | None, "of a price"], "x", "Enter a number."),
            (Annotated[int, msgspec.Meta(ge=1)], "0", "Ensure this value is greater than or equal to 1."),
            (Annotated[int, msgspec.Meta(ge=1)], "x", "Enter a whole number."),
            (Annotated[str, msgspec.Meta(pattern="^a")], "b", "Enter a valid value."),
            (
                tuple[Annotated[int, msgspec.Meta(le=9)], ...],
                ["1", "10"],
                "Ensure this value is less than or equal to 9.",
            ),
            (Colour, "x", CHOICE),
            (bool, "x", "This must be true or false."),
            (str, "x" * 1001, "Enter a valid value."),
            (float | None, "nan", "Enter a number."),  # null in JSON, as None, and so another's live query
            (float, "-inf", "Enter a number."),
            (Decimal, "NaN", "Enter a number."),
            (Decimal, "sNaN", "Enter a number."),
            (Decimal, "1e999999999", "Enter a number."),  # a gigabyte, written out
            (Decimal, "1e-999999999", "Enter a number."),
            (tuple[float, ...], ["1", "Infinity"], "Enter a number."),
        ],
    )
    def test_value_of_a_wrong_type_is_explained_to_users(self, annotation, value, sentence):
        def rows(self, thing): ...

        rows.__annotations__ = {"thing": annotation}
        with pytest.raises(BadRequest) as refused:
            clean(rows, thing=value)
        assert {name: [str(each) for each in sentences] for name, sentences in refused.value.details.items()} == {
            "thing": [sentence]
        }

    def test_wire_has_parameters_as_a_client_sends_them(self):
        def rows(self, day: datetime.date, key: uuid.UUID): ...

        made = stream(rows)
        given = {"day": "2026-01-31", "key": str(uuid.UUID(int=5))}
        cleaned = made.clean_params(given)
        assert made(cleaned).wire_params() == given
        assert made.clean_params(made(cleaned).wire_params()) == cleaned


class TestLists:
    """Parameters that take several values."""

    def test_each_kind_of_list_converts_its_values(self):
        def rows(
            self, tags: tuple[str, ...], owners: list[int], days: frozenset[datetime.date], parts: Sequence[float]
        ): ...

        given = {"tags": ["ink", "pen"], "owners": ["3", 5], "days": ["2026-01-31"], "parts": ["0.5"]}
        assert clean(rows, **given) == {
            "tags": ("ink", "pen"),
            "owners": [3, 5],
            "days": frozenset({datetime.date(2026, 1, 31)}),
            "parts": [0.5],
        }

    def test_single_value_is_a_list_of_one(self):
        def rows(self, tags: tuple[str, ...] = (), owners: list[int] | None = None): ...

        assert clean(rows, tags="ink", owners="3") == {"tags": ("ink",), "owners": [3]}

    @pytest.mark.parametrize("nothing", [None, "", [], [""], ["", None], ()])
    def test_none_is_the_default(self, nothing):
        def rows(self, tags: tuple[str, ...] = ("open",), owners: list[int] | None = None): ...

        assert clean(rows, tags=nothing, owners=nothing) == {"tags": ("open",), "owners": None}

    def test_empty_text_is_no_value(self):
        def rows(self, tags: tuple[str, ...], owners: tuple[int, ...]): ...

        assert clean(rows, tags=["", "ink"], owners=["", "0"]) == {"tags": ("ink",), "owners": (0,)}
        assert clean(rows, tags=[], owners=[""]) == {"tags": (), "owners": ()}

    @pytest.mark.parametrize(
        ("annotation", "value", "sentence"),
        [
            (tuple[int, ...], ["3", "x"], "Enter a whole number."),
            (list[datetime.date] | None, ["2026-02-30"], "Enter a valid date."),
            (tuple[Literal["open", "done"], ...], ["open", "lost"], CHOICE),
            (frozenset[Annotated[Colour, "of a card"]], ["green"], CHOICE),
            (tuple[str, ...], ["x" * 600, "y" * 600], "Enter a valid value."),
            (tuple[str, ...], ["x"] * 501, "Enter a valid value."),
            (tuple[int, ...], [1] * 100_000, "Enter a whole number."),
            (tuple[int, ...], ["9" * 30], "Enter a whole number."),
            (tuple[str, ...], ["a\x00"], "Enter a valid value."),
            (tuple[str, ...], [["a"]], "Enter a valid value."),
            (list, [{"pk": 1}], "Enter a valid value."),
            (int, [3], "Enter a whole number."),
            (object, [3], "Enter a valid value."),
        ],
    )
    def test_value_that_does_not_fit_is_explained_to_users(self, annotation, value, sentence):
        def rows(self, thing): ...

        rows.__annotations__ = {"thing": annotation}
        with pytest.raises(BadRequest) as refused:
            clean(rows, thing=value)
        assert [str(each) for each in refused.value.details["thing"]] == [sentence]

    def test_parameter_without_an_annotation_takes_none(self):
        assert "wrong type" in refusal(lambda self, thing: None, thing=[1])

    def test_wire_has_a_list_whatever_the_default_is(self):
        def rows(
            self, days: frozenset[datetime.date], tags: tuple[str, ...] = (), owners: list[int] | None = None
        ): ...

        made = stream(rows)
        cleaned = made.clean_params({"days": ["2026-01-31", "2026-01-02", "2026-01-15"]})
        wire = made(cleaned).wire_params()
        assert wire == {"days": ["2026-01-02", "2026-01-15", "2026-01-31"], "tags": [], "owners": []}
        assert made.clean_params(wire) == cleaned

    def test_sets_of_the_same_values_are_one_live_query(self):
        def rows(self, tags: frozenset[str] = frozenset()): ...

        made = stream(rows)
        keys = {made(made.clean_params({"tags": tags})).params_key() for tags in (["a", "b", "a"], ["b", "a"])}
        assert keys == {b'{"tags":["a","b"]}'}

    @pytest.mark.parametrize(
        ("annotation", "values", "key"),
        [
            (frozenset[Colour], ["red", "blue"], b'{"tags":["blue","red"]}'),
            (set[int | str], [10, "a", 9, "9"], b'{"tags":[9,10,"9","a"]}'),
        ],
    )
    def test_sets_of_values_without_an_order_have_one(self, annotation, values, key):
        def rows(self, tags): ...

        rows.__annotations__ = {"tags": annotation}
        made = stream(rows)
        for given in (values, values[::-1]):
            bound = made(made.clean_params({"tags": given}))
            assert (bound.params_key(), made.clean_params(bound.wire_params())) == (key, bound.params)


class TestPartitions:
    def test_values_are_texts_by_name(self):
        made = stream(lambda self, shelf, title: None, partition_by=["shelf", "title"])
        assert made.partition_values({"shelf": 7, "title": "x"}) == {"shelf": "7", "title": "x"}

    def test_none_matches_any(self):
        made = stream(lambda self, shelf, title: None, partition_by=["shelf", "title"])
        assert made.partition_values({"shelf": None, "title": "x"}) == {"title": "x"}

    @pytest.mark.parametrize("value", [7, "7", "07", 7.0])
    def test_parameter_of_another_type_than_its_field_means_the_same_row(self, value):
        made = stream(lambda self, pages: None, partition_by=["pages"])
        assert made.partition_values({"pages": value}) == {"pages": "7"}

    def test_value_that_no_row_can_have_matches_none(self):
        made = stream(lambda self, pages: None, partition_by=["pages"])
        assert made.partition_values({"pages": "x"}) == {"pages": "x"}


class TestFormats:
    def test_what_is_declared_is_served(self):
        class Made(ModelStream):
            model = Book
            fields = ["id"]

            @live_value
            def count(self):
                return 1

        formats = ["data", "html", "value:count", "value:other", "value:", "value:fields"]
        assert [Made({}).serves(format) for format in formats] == [True, False, True, False, False, False]

    def test_view_tells_audiences_fields_templates_and_formats_apart(self):
        made = stream(lambda self: None)
        views = {
            made({}).format_fingerprint("data"),
            made({}, 1).format_fingerprint("data"),
            made({}, True).format_fingerprint("data"),
            made({}, "1").format_fingerprint("data"),
            made({}, uuid.UUID(int=1)).format_fingerprint("data"),
            made({}).format_fingerprint("html"),
            stream(lambda self: None, fields=["title"])({}).format_fingerprint("data"),
            stream(lambda self: None, template_name="a.html")({}).format_fingerprint("data"),
        }
        assert len(views) == 8
        assert made({}).format_fingerprint("data") == stream(lambda self: None)({}).format_fingerprint("data")


class TestExtent:
    def test_stream_with_pages_has_it_unless_it_uses_the_name_itself(self):
        def own(self): ...

        made = [
            stream(lambda self: None, **each) for each in ({}, {"paginate_by": 5}, {"paginate_by": 5, "extent": own})
        ]
        assert [list(each.values()) for each in made] == [[], ["extent"], []]
        assert [each({}).serves("value:extent") for each in made] == [False, True, False]

    @pytest.mark.django_db
    def test_it_is_the_number_of_all_rows_and_of_those_on_a_page(self):
        shelf = Shelf.objects.create(name="one")
        Book.objects.bulk_create(Book(shelf=shelf, title=title) for title in "abc")
        made = stream(lambda self, title="": Book.objects.filter(title__contains=title), paginate_by=2)
        assert made({"title": ""}).extent() == {"total": 3, "size": 2}
        assert made({"title": "b"}).extent() == {"total": 1, "size": 2}
