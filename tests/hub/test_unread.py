"""Clients that do not read: what they make the process keep is limited by user, address and network."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from realtime.auth.identity import Identity
from realtime.auth.limits import Quotas
from realtime.exceptions import ProtocolError
from realtime.hub.unread import end_unread
from tests.support.limits import limit
from tests.support.wire import WireClient, until


class Unread:
    """A client with bytes that it has not read."""

    def __init__(self, quota, unsent: int) -> None:
        self.quota = quota
        self.unsent = unsent
        self.error: ProtocolError | None = None

    def end(self, error: ProtocolError) -> None:
        self.error = error


@pytest.fixture
def enter(settings):
    limit(settings, unread_bytes=100)
    quotas = Quotas()
    return lambda user=None, address="": quotas.enter(user=user, address=address, now=0.0)


def ended(clients: list[Unread]) -> list[int]:
    end_unread(clients)
    return [client.unsent for client in clients if client.error is not None]


def test_within_the_limit_nobody_ends(enter):
    assert ended([Unread(enter("5"), 50), Unread(enter("5"), 50), Unread(enter("6"), 100)]) == []


def test_those_with_most_end_until_the_rest_is_within_the_limit(enter):
    clients = [Unread(enter("5"), size) for size in (30, 60, 0, 70)]
    assert ended([*clients, Unread(enter("6"), 100)]) == [70]
    assert clients[3].error.code == 4002
    assert clients[3].error.reason == "The connections of a user may leave up to 100 bytes unread."
    assert clients[3].error.retry == 30


def test_slow_reader_of_a_large_first_frame_reads_on(enter):
    """It would get the same frame after each new connection, and never all of it."""
    assert ended([Unread(enter("5"), 101), Unread(enter("5"), 0), Unread(enter("6"), 101)]) == []
    assert ended([Unread(enter("5"), 101), Unread(enter("5"), 102)]) == [102]


def test_visitors_of_an_address_count_together_and_users_for_themselves(enter):
    clients = [Unread(enter(None, "192.0.2.1"), 60), Unread(enter(None, "192.0.2.1"), 61)]
    assert ended([*clients, Unread(enter("5", "192.0.2.1"), 90), Unread(enter(None, "192.0.2.2"), 90)]) == [61]


def test_addresses_of_one_network_and_all_visitors_count_together_too(enter, settings):
    limit(settings, unread_bytes=100, anonymous_addresses=6)
    of_network = [Unread(enter(None, f"2a00:1450:4001:{number}::/64"), 90) for number in range(5)]
    assert len(ended(of_network)) == 1  # four times the limit of one
    of_all = [Unread(enter(None, f"192.0.2.{number}"), 90) for number in range(3)]
    assert len(ended([*(each for each in of_network if each.error is None), *of_all])) == 1


class Gone(Unread):
    """A client whose server cannot say any more how much it has not read."""

    @property
    def unsent(self):
        raise RuntimeError("The connection is closed.")

    @unsent.setter
    def unsent(self, size):
        pass


def test_a_client_that_fails_ends_alone(enter, caplog):
    gone, other = Gone(enter("5"), 1), Unread(enter("5"), 50)
    end_unread([gone, other])
    assert (gone.error.code, other.error) == (4001, None)
    assert "could not be notified" in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_hub_ends_them_when_it_sweeps(settings, monkeypatch):
    limit(settings, unread_bytes=100)
    monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 0.05)
    user = Identity(str((await User.objects.acreate(username="ann")).pk))
    async with WireClient(user) as reader, WireClient(user) as other:
        reader.unsent, other.unsent = 101, 1
        await until(lambda: reader.closed is not None)
        assert reader.closed[0] == 4002
        assert other.closed is None
