"""All that reads bytes of clients, with spoilt ones: each reads them or refuses them. `make fuzz` looks for longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.fuzz import SEEDS, WORDS, readers

PIECES = [word.encode() for word in WORDS]
CASES = [(name, seed) for name, seeds in SEEDS.items() for seed in seeds]
changes = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(PIECES) | st.binary(max_size=4), st.integers(0, 9)))


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_every_part_of_a_seed_is_read_or_refused(name, seed):
    read = readers()[name]
    for place in range(len(seed) + 1):
        read(seed[:place])
        read(seed[place:])
        read(seed[:place] + b"\xff" + seed[place:])


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CASES), changes)
def test_whatever_stands_in_a_seed_is_read_or_refused(case, changes):
    name, seed = case
    for place, piece, cut in changes:
        at = place % (len(seed) + 1)
        seed = seed[:at] + piece + seed[at + cut :]
    readers()[name](seed)


def test_each_reader_has_a_seed():
    assert list(SEEDS) == list(readers())
