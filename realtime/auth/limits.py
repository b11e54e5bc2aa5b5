"""Limits: how many connections, messages and calls one user, or the visitors of one address, may use per process.

The visitors of an address share a quota; so do those of all addresses. A /64 of IPv6 counts as one address. Those of
one /48, which a customer may have, share a quota in between: https://www.rfc-editor.org/rfc/rfc6177
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

from realtime.conf import limits, settings
from realtime.exceptions import Overloaded
from realtime.protocol.rate_limit import BURST_SECONDS, Bucket

RETRY_SECONDS = 30.0
SWEEP_EVERY = 1000  # new entries before unused ones are removed
NETWORK_PREFIX = 48  # bits: what a customer gets at most, without asking
NETWORK_TIMES = 4  # all addresses of an IPv6 network may use this many times the limits of one
SHARED_BURST_SECONDS = 2.0  # of all visitors, but at least that of one address: bursts of all would take seconds

MESSAGE_BYTES = 4096  # a longer message counts as several


def weight(size: int) -> int:
    """Return how many messages a message of this many bytes counts as."""
    return 1 + size // MESSAGE_BYTES


class Quota:
    """The limits that all connections of one user, or of one address's visitors, share.

    `shared` is the quota of the address's network, or of all visitors of the process, which counts them too; it allows
    `times` as much. `owner` identifies the user, address or network: each gets a fair share of the action threads.
    """

    __slots__ = (
        "calls", "checks", "connections", "events", "messages", "most", "owner", "presence", "shared", "unread_bytes",
    )  # fmt: skip

    def __init__(
        self,
        now: float,
        *,
        owner: str,
        most: int,
        shared: Quota | None = None,
        times: int = 1,
        burst: float = BURST_SECONDS,
    ) -> None:
        def bucket(name: str, rate: float) -> Bucket:
            return Bucket(rate * times, now, None if shared is None else getattr(shared, name), burst)

        self.owner = owner
        self.shared = shared
        self.most = times * most  # connections
        self.unread_bytes = times * limits.unread_bytes
        self.connections = 0
        self.messages = bucket("messages", limits.messages_per_second_per_user)
        self.checks = bucket("checks", limits.checks_per_second)
        self.calls = bucket("calls", limits.calls_per_second)
        self.events = bucket("events", limits.events_per_second)
        self.presence = bucket("presence", limits.presence_per_second)

    def __iter__(self) -> Iterator[Quota]:
        """Yield this quota, and those that it shares."""
        quota: Quota | None = self
        while quota is not None:
            yield quota
            quota = quota.shared

    @property
    def subject(self) -> str:
        """The beginning of a sentence about the clients of this quota."""
        return "Anonymous clients of one address" if self.is_visitors else "The connections of a user"

    @property
    def is_visitors(self) -> bool:
        return self.shared is not None

    def take_check(self, now: float) -> None:
        """Count a subscription, token or session that will be checked. Raise `Overloaded` over the limit."""
        if (wait := self.checks.take(now)) > 0:
            rate = f"{self.checks.rate:g} subscriptions, tokens and sessions per second on average"
            raise Overloaded(f"{self.subject} may send {rate}.", retry=wait)

    @property
    def holder(self) -> Quota:
        """The quota whose clients hold live queries together: of a user, or of an address's or network's visitors."""
        return self.shared if self.shared is not None and self.shared.shared is not None else self

    def is_unused(self, now: float) -> bool:
        """Return whether a new quota would be equal."""
        buckets = (self.messages, self.checks, self.calls, self.events, self.presence)
        return self.connections <= 0 and all(bucket.is_full(now) for bucket in buckets)


class Quotas:
    """The quotas of a process, by user, and by address for visitors who are not logged in."""

    def __init__(self) -> None:
        self._quotas: dict[tuple[str, str], Quota] = {}
        self._visitors: Quota | None = None  # of all together
        self._sweep_at = SWEEP_EVERY

    def enter(self, *, user: str | None, address: str, now: float) -> Quota:
        """Count one more connection and return its quota. Raise `Overloaded` over the limit.

        An address of "" is unknown: each of its visitors has a separate quota, and shares the quota of all visitors.
        """
        quota = self.of(user=user, address=address, now=now)
        own = "of this user" if user is not None else "from this address" if address else "of visitors"
        for each in quota:
            if each.connections >= each.most:
                source = own if each is quota else "from this network" if each.shared else "of visitors"
                raise Overloaded(f"The limit of {each.most} connections {source} is reached.", retry=RETRY_SECONDS)
        for each in quota:
            each.connections += 1
        return quota

    def leave(self, quota: Quota) -> None:
        """Count one connection less; its messages and calls count until their time has passed."""
        for each in quota:
            each.connections -= 1

    def of(self, *, user: str | None, address: str, now: float) -> Quota:
        """Return the quota of a user, or of an address's visitors."""
        if len(self._quotas) >= self._sweep_at:
            self._sweep(now)
        if user is not None:
            most = limits.connections_per_user
            return self._keep(("user", user), lambda: Quota(now, owner=f"user {user}", most=most))

        def of_address() -> Quota:
            shared = self._all_of_network(address, now) if ":" in address else self._all_visitors(now)
            owner = shared.owner if ":" in address else f"visitors {address}"
            return Quota(now, owner=owner, most=limits.connections_per_address, shared=shared)

        return self._keep(("address", address), of_address) if address else of_address()

    def _keep(self, key: tuple[str, str], make: Callable[[], Quota]) -> Quota:
        quota = self._quotas.get(key)
        if quota is None:
            quota = self._quotas[key] = make()
        return quota

    def _all_of_network(self, address: str, now: float) -> Quota:
        """Return the quota of all visitors of the network of an IPv6 address."""
        network = str(ip_network(address).supernet(new_prefix=NETWORK_PREFIX))
        shared = self._all_visitors(now)

        def of_network() -> Quota:
            most = limits.connections_per_address
            return Quota(now, owner=f"visitors {network}", most=most, shared=shared, times=NETWORK_TIMES)

        return self._keep(("network", network), of_network)

    def _all_visitors(self, now: float) -> Quota:
        if self._visitors is None:
            times = limits.anonymous_addresses
            most = limits.connections_per_address
            burst = max(SHARED_BURST_SECONDS, BURST_SECONDS / times)
            self._visitors = Quota(now, owner="visitors", most=most, times=times, burst=burst)
        return self._visitors

    def _sweep(self, now: float) -> None:
        self._quotas = {key: quota for key, quota in self._quotas.items() if not quota.is_unused(now)}
        self._sweep_at = len(self._quotas) + SWEEP_EVERY


def client_address(*, peer: str | None, headers: Mapping[bytes, str]) -> str:
    """Return the address of a client, or "" if no address can be trusted.

    Behind `REALTIME_TRUSTED_PROXIES` proxies, it is in X-Forwarded-For, to which each proxy appends the address of its
    own client. Without the setting, a peer in a private network counts as a proxy, behind which anyone may be.
    """
    if settings.TRUSTED_PROXIES:
        chain = [item.strip() for item in headers.get(b"x-forwarded-for", "").split(",") if item.strip()]
        return _network(chain[-settings.TRUSTED_PROXIES]) if len(chain) >= settings.TRUSTED_PROXIES else ""
    return _public(peer or "")


@lru_cache(maxsize=4096)
def _public(text: str) -> str:
    """Like `_network`, but return "" for an address that is not public."""
    network = _network(text)
    return network if network and ip_address(network.partition("/")[0]).is_global else ""


@lru_cache(maxsize=4096)
def _network(text: str) -> str:
    """Return the address, or for IPv6 its /64 network, which one customer has; "" if this is no address."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else f"{ip_address(int(address) >> 64 << 64)}/64"
