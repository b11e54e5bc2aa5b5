"""The pacing of a log's rounds, by a clock that the test moves."""

from __future__ import annotations

import pytest

from realtime.hub.pacing import FLOOD_SECONDS, FLOW_SECONDS, MAX_RETRY_SECONDS, RUSH_SECONDS, Pacing


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock) -> Pacing:
    return Pacing(clock=clock)


def test_first_round_waits_for_nothing(pacing):
    assert (pacing.rest(waiting=True), pacing.rest(waiting=False), pacing.lag) == (0.0, 0.0, 0.0)


def test_clients_in_a_rush_wait_until_the_next_round_may_begin(pacing, clock):
    pacing.begin()
    clock.now += 0.005
    pacing.end(changes=1)
    assert pacing.rest(waiting=True) == pytest.approx(RUSH_SECONDS - 0.005)
    assert pacing.rest(waiting=False) == 0.0


@pytest.mark.parametrize(("took", "rests"), [(0.002, RUSH_SECONDS - 0.002), (0.03, 0.03), (3.0, FLOOD_SECONDS)])
def test_after_several_changes_it_rests_as_long_as_they_took_within_bounds(pacing, clock, took, rests):
    pacing.begin()
    clock.now += took
    assert pacing.end(changes=2) == pytest.approx(took)
    assert pacing.rest(waiting=False) == pytest.approx(rests)


def test_worker_apart_rests_for_as_long_as_it_took(clock):
    pacing = Pacing(is_apart=True, clock=clock)
    pacing.begin()
    clock.now += 3.0
    pacing.end(changes=1)
    assert pacing.rest(waiting=False) == pytest.approx(3.0)
    assert pacing.rest(waiting=True) == pytest.approx(3.0)  # also in a rush to the live queries that it reads


def test_each_failure_waits_twice_as_long_up_to_a_bound_and_success_begins_again(pacing):
    waits = [pacing.fail() for _ in range(7)]
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, MAX_RETRY_SECONDS, MAX_RETRY_SECONDS]
    pacing.begin()
    pacing.end(changes=0)
    assert (pacing.retry, pacing.fail()) == (0.0, 0.25)


def test_lag_is_the_last_round_or_the_time_since_the_log_cannot_be_read(pacing, clock):
    pacing.begin()
    clock.now += 0.5
    pacing.end(changes=1)
    assert pacing.lag == pytest.approx(0.5)
    pacing.fail()
    clock.now += 60
    pacing.fail()
    assert pacing.lag == pytest.approx(60)


def test_changes_flow_for_a_second_after_the_last_one(pacing, clock):
    assert not pacing.flows
    for changes in (1, 0):
        pacing.begin()
        pacing.end(changes)
        assert pacing.flows
        clock.now += FLOW_SECONDS / 2
    assert not pacing.flows
