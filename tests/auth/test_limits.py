"""Limits: the connections and calls of one user or address in one process, and the address of a client."""

from __future__ import annotations

import pytest

from realtime.auth.limits import Quotas, client_address
from realtime.exceptions import Overloaded
from tests.support.limits import limit


def enter(quotas, user=None, address="", now=0.0):
    return quotas.enter(user=user, address=address, now=now)


@pytest.fixture
def few(settings):
    limit(settings, connections_per_user=2)
    limit(settings, connections_per_address=3)
    return Quotas()


def test_connections_of_a_user_are_limited_across_addresses(few):
    enter(few, "5", "192.0.2.1")
    enter(few, "5", "192.0.2.2")
    enter(few, "6", "192.0.2.1")
    with pytest.raises(Overloaded) as refused:
        enter(few, "5", "192.0.2.3")
    assert (refused.value.reason, refused.value.retry) == ("The limit of 2 connections of this user is reached.", 30.0)


def test_visitors_of_an_address_are_limited_together(few):
    for _ in range(3):
        enter(few, None, "192.0.2.1")
    enter(few, None, "192.0.2.2")
    enter(few, "5", "192.0.2.1")
    with pytest.raises(Overloaded) as refused:
        enter(few, None, "192.0.2.1")
    assert refused.value.reason == "The limit of 3 connections from this address is reached."


def test_visitors_of_unknown_addresses_are_not_counted_together(few):
    quotas = [enter(few) for _ in range(10)]
    assert len({id(quota) for quota in quotas}) == 10


def test_all_visitors_of_a_process_share_limits(settings):
    limit(settings, connections_per_address=3, anonymous_addresses=2)
    quotas = Quotas()
    entered = [enter(quotas, None, address) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "", "", "")]
    for address in ("192.0.2.1", "192.0.2.3", ""):
        with pytest.raises(Overloaded) as refused:
            enter(quotas, None, address)
        assert refused.value.reason == "The limit of 6 connections of visitors is reached."
    enter(quotas, "5", "192.0.2.1")
    quotas.leave(entered[-1])
    enter(quotas, None, "192.0.2.3")


def test_visitors_of_unknown_addresses_share_limits(settings):
    limit(settings, calls_per_second=1.0, anonymous_addresses=3)
    quotas = Quotas()
    allowed = [enter(quotas).calls.take(0.0) == 0 for _ in range(100)]
    assert allowed.count(True) == 10  # as many as one address at once


def test_all_visitors_may_not_use_all_their_bursts_at_once(settings):
    limit(settings, calls_per_second=1.0, anonymous_addresses=20)
    quotas = Quotas()
    allowed = [enter(quotas).calls.take(0.0) == 0 for _ in range(100)]
    assert allowed.count(True) == 40


def test_addresses_of_one_ipv6_network_share_four_times_the_limits_of_one(settings):
    limit(settings, connections_per_address=3, calls_per_second=1.0)
    quotas = Quotas()
    addresses = [f"2a00:1450:4001:{number:x}::/64" for number in range(20)]
    entered = [enter(quotas, None, address) for address in addresses[:12]]
    with pytest.raises(Overloaded) as refused:
        enter(quotas, None, addresses[12])
    assert refused.value.reason == "The limit of 12 connections from this network is reached."
    enter(quotas, None, "2a00:1450:4002::/64")
    enter(quotas, None, "192.0.2.1")

    assert len({quota.owner for quota in entered}) == 1  # and one share of the threads
    assert [quota.calls.take(0.0) for quota in entered for _ in range(10)].count(0.0) == 40
    quotas.leave(entered[0])
    enter(quotas, None, addresses[13])


def test_networks_are_forgotten_once_unused(few):
    for number in range(5):
        few.leave(enter(few, None, f"2a00:1450:400{number}::/64"))
    few._sweep(100.0)
    assert not few._quotas


def test_closed_connection_frees_its_place(few):
    first = enter(few, "5")
    enter(few, "5")
    few.leave(first)
    enter(few, "5")


@pytest.mark.parametrize(("kind", "name"), [("calls", "calls_per_second"), ("events", "events_per_second")])
@pytest.mark.parametrize("whose", [{"user": "5"}, {"address": "192.0.2.1"}])
def test_calls_and_events_count_after_their_connection_has_closed(few, settings, kind, name, whose):
    limit(settings, **{name: 0.1})
    quota = enter(few, **whose)
    getattr(quota, kind).take(0.0)
    few.leave(quota)
    few._sweep(0.5)
    assert getattr(enter(few, **whose, now=1.0), kind).take(1.0) == pytest.approx(9.0)


def test_unused_quotas_are_removed(few, monkeypatch):
    monkeypatch.setattr("realtime.auth.limits.SWEEP_EVERY", 10)
    few._sweep_at = 10
    for number in range(100):
        few.leave(enter(few, str(number), now=float(number)))
    assert len(few._quotas) <= 11


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("93.184.216.34", "93.184.216.34"),
        ("2a00:1450:4001:81b::200e", "2a00:1450:4001:81b::/64"),
        ("::ffff:93.184.216.34", "93.184.216.34"),
        ("127.0.0.1", ""),
        ("10.0.0.7", ""),
        ("fe80::1%eth0", ""),
        ("", ""),
        (None, ""),
        ("a socket", ""),
    ],
)
def test_peer_address_counts_unless_it_is_private(peer, address):
    assert client_address(peer=peer, headers={b"x-forwarded-for": "203.0.113.9"}) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "forged, 203.0.113.9", "203.0.113.9"),
        (2, "forged, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", ""),
        (1, "", ""),
        (1, "nonsense", ""),
        (1, "[2a00:1450::1]", "2a00:1450::/64"),
    ],
)
def test_address_is_the_one_seen_by_the_outermost_trusted_proxy(proxies, forwarded, address, settings):
    settings.REALTIME_TRUSTED_PROXIES = proxies
    assert client_address(peer="10.0.0.1", headers={b"x-forwarded-for": forwarded}) == address
