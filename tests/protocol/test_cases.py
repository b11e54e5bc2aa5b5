"""The cases shared with the browser's half, applied by the reference client."""

import json
from pathlib import Path

import pytest

from tests.support.replica import Replica

CASES = json.loads((Path(__file__).parent / "cases" / "deltas.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_delta(case):
    replica = Replica()
    replica.apply({"reset": True, "puts": [{"key": key, "row": key} for key in case["keys"]]})

    if case["result"] is None:
        with pytest.raises(AssertionError):
            replica.apply(case["deltas"][0])
        return
    for delta in case["deltas"]:
        try:
            replica.apply(delta)
        except AssertionError:
            continue  # mended by the next one
    assert replica.keys == case["result"]
