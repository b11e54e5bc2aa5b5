"""EventPace: events on the way to a client are as many as it reads in time."""

from __future__ import annotations

import pytest

from realtime.protocol.flow_control import EVENT_BYTES, EVENT_SECONDS, LEAST_EVENT_BYTES, EventPace

SIZE = 100
MOST = 1024 * 1024


class Reader:
    """A client that reads so many bytes a second, and acknowledges when it is asked; time is simulated."""

    def __init__(self, bytes_per_second: float) -> None:
        self.pace = EventPace(MOST)
        self.rate = bytes_per_second
        self.now = 0.0
        self.free_at = 0.0  # when it has read all that it was sent
        self.answers_at: float | None = None
        self.delays: list[float] = []

    def run(self, seconds: float, *, per_second: int) -> int:
        """Send so many events; return how many were taken."""
        taken = 0
        for _ in range(int(seconds * per_second)):
            self.now += 1 / per_second
            if self.answers_at is not None and self.now >= self.answers_at:
                self.answers_at = None
            if not self.pace.take(SIZE, self.now, owing=self.answers_at is not None):
                continue
            taken += 1
            self.free_at = max(self.free_at, self.now) + SIZE / self.rate
            self.delays.append(self.free_at - self.now)
            if self.answers_at is None and self.pace.asks(self.now):
                self.answers_at = self.free_at
        return taken


def test_quick_client_gets_all():
    assert Reader(1_000_000).run(20, per_second=500) == 20 * 500


@pytest.mark.parametrize("rate", [5_000, 10_000, 20_000])
def test_slow_client_gets_what_it_reads_and_nothing_late(rate):
    reader = Reader(rate)
    reader.run(40, per_second=500)  # finds out how fast it is
    reader.delays.clear()
    taken = reader.run(60, per_second=500)
    assert max(reader.delays) < 2 * EVENT_SECONDS
    assert taken * SIZE > 0.5 * rate * 60


def test_client_that_does_not_read_gets_a_bounded_part():
    reader = Reader(0.001)
    assert reader.run(60, per_second=500) * SIZE <= EVENT_BYTES * 5 / 4


def test_client_that_reads_again_gets_events_again():
    reader = Reader(0.001)
    reader.run(5, per_second=500)
    reader.rate, reader.free_at, reader.answers_at = 1_000_000, reader.now, None
    reader.run(5, per_second=500)
    assert reader.run(5, per_second=500) == 5 * 500


def test_rare_events_ask_for_nothing():
    pace = EventPace(MOST)
    assert pace.take(SIZE, 0, owing=False)
    assert not pace.asks(0)


def test_limit_has_a_least_and_a_most():
    pace, now = EventPace(MOST), 0.0
    for _ in range(20):
        pace.take(pace._limit, now, owing=False)
        assert pace.asks(now)
        now += EVENT_SECONDS
        pace.take(SIZE, now, owing=True)
    assert pace._limit == LEAST_EVENT_BYTES
    for _ in range(MOST // LEAST_EVENT_BYTES + 1):
        pace.take(pace._limit, now, owing=False)
        pace.asks(now)
    assert pace._limit == MOST
