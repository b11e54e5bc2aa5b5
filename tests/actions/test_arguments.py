"""Arguments of a wrong type: users and developers get our words, those of Django's forms where it has some."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from realtime.actions.arguments import convert_arguments
from realtime.exceptions import InvalidArguments


class Colour(enum.Enum):
    RED = "red"


class Card(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    pages: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    code: Annotated[str, msgspec.Meta(pattern="^x$")] = "x"


class Dashed(msgspec.Struct, rename="kebab"):
    most_rows: int


class Point(TypedDict):
    x: float


@dataclasses.dataclass
class Box:
    points: list[Point]


def convert(annotation: Any, value: object) -> InvalidArguments:
    def move(self, user, thing): ...

    move.__annotations__ = {"thing": annotation}
    with pytest.raises(InvalidArguments) as refused:
        convert_arguments(move, {"thing": value}, kind="action")
    return refused.value


@pytest.mark.parametrize(
    ("annotation", "value", "place", "sentence"),
    [
        (int, "x", "", "Enter a whole number."),
        (int, 1.5, "", "Enter a whole number."),
        (float, [], "", "Enter a number."),
        (Decimal, "x", "", "Enter a number."),
        (bool, "perhaps", "", "This must be true or false."),
        (str, 5, "", "This must be text."),
        (str | None, 5, "", "This must be text."),
        (None, 5, "", "Enter a valid value."),
        (datetime.date, "2026-02-30", "", "Enter a valid date."),
        (datetime.timedelta, "x", "", "Enter a valid duration."),
        (uuid.UUID, "x", "", "Enter a valid UUID."),
        (Literal["a"] | None, "b", "", "Select a valid choice. That choice is not one of the available choices."),
        (Colour, "blue", "", "Select a valid choice. That choice is not one of the available choices."),
        (list[int], "x", "", "Enter a list of values."),
        (list[int], [1, "x"], "[1]", "Enter a whole number."),
        (bytes, 1, "", "Enter a valid value."),
        (Dashed, {"most-rows": "x"}, ".most-rows", "Enter a valid value."),
        (Dashed, {}, ".most-rows", "This field is required."),
        (list[Annotated[list[int], "of rows"]], [[], [1, "x"]], "[1][1]", "Enter a whole number."),
        (tuple[int, bool], [1, "x"], "[1]", "This must be true or false."),
        (tuple[int, bool], [1], "", "Enter a valid value."),
        (dict[str, int], 5, "", "This must be an object with named values."),
        (Mapping[str, int], {"a": "x"}, "[...]", "Enter a whole number."),
        (dict[int, int], {"a": 1}, "", "Enter a valid value."),
        (Card, 5, "", "This must be an object with named values."),
        (Card, {"title": 5}, ".title", "This must be text."),
        (Card, {}, ".title", "This field is required."),
        (Card, {"title": "a", "pages": 0}, ".pages", "Ensure this value is greater than or equal to 1."),
        (Card, {"title": "a", "pages": 10}, ".pages", "Ensure this value is less than or equal to 9."),
        (Card, {"title": "a", "code": "y"}, ".code", "Enter a valid value."),
        (Card, {"title": "a", "colour": "red"}, ".colour", "There is no field with this name."),
        (Box, {"points": [{"x": "a"}]}, ".points[0].x", "Enter a number."),
    ],
)
def test_value_of_a_wrong_type_is_explained(annotation, value, place, sentence):
    error = convert(annotation, value)
    assert error.reason == f"The arguments of the action 'move' are invalid. thing{place}: {sentence}"
    assert error.details == {"thing": [sentence]}


def test_limits_of_an_annotation_hold():
    def move(self, user, page: Annotated[int, msgspec.Meta(ge=1)]): ...

    assert convert_arguments(move, {"page": 1}, kind="action") == {"page": 1}
    with pytest.raises(InvalidArguments) as refused:
        convert_arguments(move, {"page": 0}, kind="action")
    assert refused.value.details == {"page": ["Ensure this value is greater than or equal to 1."]}


def test_arguments_of_an_event_have_its_name():
    def point(self, user, x: int, *, y: int = 0): ...

    with pytest.raises(InvalidArguments) as refused:
        convert_arguments(point, {"y": "a", "z": 1}, kind="event")
    assert refused.value.reason == (
        "The data of the event 'point' is invalid. y: Enter a whole number. "
        "z: The event 'point' has no such argument; it has: x, y. x: This argument is required."
    )
