"""Bucket: so many in the long run, ten seconds' worth at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.rate_limit import Bucket


def taken(bucket, now, times):
    return [bucket.take(now) for _ in range(times)]


def test_ten_seconds_worth_may_come_at_once():
    assert taken(Bucket(2.0, 0.0), 0.0, 21) == [0.0] * 20 + [0.5]


def test_what_is_refused_costs_nothing():
    bucket = Bucket(2.0, 0.0)
    taken(bucket, 0.0, 50)
    assert (bucket.take(0.5), bucket.take(0.5)) == (0.0, 0.5)


def test_bucket_that_is_full_does_not_grow():
    assert taken(Bucket(1.0, 0.0), 1000.0, 11) == [0.0] * 10 + [1.0]


def test_rare_events_are_allowed_one_at_a_time():
    bucket = Bucket(0.01, 0.0)
    assert (bucket.take(0.0), bucket.take(0.0), bucket.take(100.0)) == (0.0, 100.0, 0.0)


def test_clock_that_goes_back_gives_nothing():
    bucket = Bucket(1.0, 100.0)
    taken(bucket, 100.0, 10)
    assert bucket.take(0.0) == 1.0


def test_full_when_nothing_of_it_is_in_use():
    bucket = Bucket(1.0, 0.0)
    bucket.take(0.0)
    assert (bucket.is_full(0.5), bucket.is_full(1.0)) == (False, True)


@given(st.lists(st.floats(0, 5), max_size=200), st.sampled_from([0.5, 1.0, 7.0]))
def test_no_more_than_the_rate_in_any_time(pauses, rate):
    bucket, now, times = Bucket(rate, 0.0), 0.0, []
    for pause in pauses:
        now += pause
        if bucket.take(now) == 0.0:
            times.append(now)
    for first, last in ((times[0], times[-1]),) if times else ():
        assert len(times) <= (last - first) * rate + bucket.size + 1e-6


@pytest.mark.parametrize("rate", [0.5, 3.0])
def test_waiting_as_long_as_it_says_is_enough(rate):
    bucket = Bucket(rate, 0.0)
    taken(bucket, 0.0, 100)
    wait = bucket.take(0.0)
    assert bucket.take(wait + 1e-9) == 0.0
