"""The text of a live value: what the server puts into the page, the browser makes of the same JSON."""

import json
from pathlib import Path

import msgspec
import pytest

from realtime.queries.valuetext import value_text

pytestmark = pytest.mark.once

CASES = json.loads((Path(__file__).parents[1] / "protocol/cases/valuetext.json").read_text())


@pytest.mark.parametrize(("value", "text"), CASES, ids=[value for value, _ in CASES])
def test_text_is_the_browsers(value, text):
    assert value_text(msgspec.json.decode(value)) == text


def test_number_too_large_for_a_float_is_what_json_has_for_it():
    assert value_text(10**400) == "null"
