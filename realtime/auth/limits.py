"""Limits: what one user, or one address's visitors, may use of a process: connections, messages, calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from realtime.conf import limits, settings
from realtime.exceptions import Overloaded
from realtime.protocol.rate_limit import Bucket

RETRY_SECONDS = 30.0
SWEEP_EVERY = 1000  # entries between two looks for those that are not needed any more


MESSAGE_BYTES = 4096  # a message that is longer counts as several


def weight(size: int) -> int:
    """As how many messages one of so many bytes counts."""
    return 1 + size // MESSAGE_BYTES


class Quota:
    """What the connections of one user, or of one address's visitors, use together.

    `shared` is that of all visitors of the process, from which theirs is taken too; it allows `times` as much.
    `owner` names whose it is: among actions each owner has a share.
    """

    __slots__ = ("calls", "checks", "connections", "events", "messages", "most", "owner", "presence", "shared")

    def __init__(self, now: float, *, owner: str, most: int, shared: Quota | None = None, times: int = 1) -> None:
        def bucket(name: str, rate: float) -> Bucket:
            return Bucket(rate * times, now, None if shared is None else getattr(shared, name))

        self.owner = owner
        self.most = most  # connections
        self.shared = shared
        self.connections = 0
        self.messages = bucket("messages", limits.messages_per_second_per_user)
        self.checks = bucket("checks", limits.checks_per_second)
        self.calls = bucket("calls", limits.calls_per_second)
        self.events = bucket("events", limits.events_per_second)
        self.presence = bucket("presence", limits.presence_per_second)

    @property
    def whose(self) -> str:
        """A sentence's beginning about those whose it is."""
        return "Anonymous clients of one address" if self.is_visitors else "The connections of a user"

    @property
    def is_visitors(self) -> bool:
        return self.shared is not None

    def take_check(self, now: float) -> None:
        """Count a subscription, a token or a session that is about to be looked up. Raise `Overloaded`."""
        if (wait := self.checks.take(now)) > 0:
            rate = f"{self.checks.rate:g} subscriptions, tokens and sessions per second on average"
            raise Overloaded(f"{self.whose} may send {rate}.", retry=wait)

    def is_unused(self, now: float) -> bool:
        """Whether a new one would do as well."""
        buckets = (self.messages, self.checks, self.calls, self.events, self.presence)
        return self.connections <= 0 and all(bucket.is_full(now) for bucket in buckets)


class Quotas:
    """The quotas of a process, by user, and by address for those who are not logged in."""

    def __init__(self) -> None:
        self._quotas: dict[tuple[str, str], Quota] = {}
        self._visitors: Quota | None = None  # of all together
        self._sweep_at = SWEEP_EVERY

    def enter(self, *, user: str | None, address: str, now: float) -> Quota:
        """One more connection. Raise `Overloaded`.

        An address of "" stands for one that is not known: its visitors have a quota each, and share that of all
        visitors.
        """
        quota = self.of(user=user, address=address, now=now)
        whose = "of this user" if user is not None else "from this address" if address else "of visitors"
        for each in (quota, quota.shared):
            if each is not None and each.connections >= each.most:
                raise Overloaded(f"The limit of {each.most} connections {whose} is reached.", retry=RETRY_SECONDS)
        for each in (quota, quota.shared):
            if each is not None:
                each.connections += 1
        return quota

    def leave(self, quota: Quota) -> None:
        """A connection is gone; what it has used counts until its time has passed."""
        for each in (quota, quota.shared):
            if each is not None:
                each.connections -= 1

    def of(self, *, user: str | None, address: str, now: float) -> Quota:
        """The quota of a user, or of an address's visitors."""
        if len(self._quotas) >= self._sweep_at:
            self._sweep(now)
        key = ("address", address) if user is None else ("user", user)
        quota = self._quotas.get(key)
        if quota is None:
            if user is not None:
                quota = Quota(now, owner=f"user {user}", most=limits.connections_per_user)
            else:
                most = limits.connections_per_address
                quota = Quota(now, owner=f"visitors {address}", most=most, shared=self._all_visitors(now))
            if user is not None or address:
                self._quotas[key] = quota
        return quota

    def _all_visitors(self, now: float) -> Quota:
        if self._visitors is None:
            times = limits.anonymous_addresses
            most = times * limits.connections_per_address
            self._visitors = Quota(now, owner="visitors", most=most, times=times)
        return self._visitors

    def _sweep(self, now: float) -> None:
        self._quotas = {key: quota for key, quota in self._quotas.items() if not quota.is_unused(now)}
        self._sweep_at = len(self._quotas) + SWEEP_EVERY


def client_address(*, peer: str | None, headers: Mapping[bytes, str]) -> str:
    """The address of a client, as far as it can be trusted; "" where it is not known.

    Behind `REALTIME_TRUSTED_PROXIES` proxies it is in X-Forwarded-For, to which each proxy appends whom it was asked
    by. Without the setting, a peer of a private network is taken for a proxy, behind which anyone may be.
    """
    if settings.TRUSTED_PROXIES:
        chain = [item.strip() for item in headers.get(b"x-forwarded-for", "").split(",") if item.strip()]
        return _network(chain[-settings.TRUSTED_PROXIES]) if len(chain) >= settings.TRUSTED_PROXIES else ""
    return _public(peer or "")


@lru_cache(maxsize=4096)
def _public(text: str) -> str:
    """The same as `_network`, "" for what is no address of the internet's."""
    network = _network(text)
    return network if network and ip_address(network.partition("/")[0]).is_global else ""


@lru_cache(maxsize=4096)
def _network(text: str) -> str:
    """The address; of IPv6 the /64 network, all of which one customer has. "" for what is no address."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else f"{ip_address(int(address) >> 64 << 64)}/64"
