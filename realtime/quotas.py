"""Quotas: how many connections, and how many calls and events a second, one user or address may have in a process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from realtime.conf import settings
from realtime.exceptions import Overloaded
from realtime.protocol.bucket import Bucket

RETRY_SECONDS = 30.0
SWEEP_EVERY = 1000  # entries between two looks for those that are not needed any more


class Quota:
    """What the connections of one user, or of one address's visitors, use together."""

    __slots__ = ("calls", "connections", "events")

    def __init__(self, now: float) -> None:
        self.connections = 0
        self.calls = Bucket(settings.MAX_CALLS_PER_SECOND, now)
        self.events = Bucket(settings.EVENTS_PER_SECOND, now)

    def is_unused(self, now: float) -> bool:
        """Whether a new one would do as well."""
        return self.connections <= 0 and self.calls.is_full(now) and self.events.is_full(now)


class Quotas:
    """The quotas of a process, by user, and by address for those who are not logged in."""

    def __init__(self) -> None:
        self._quotas: dict[tuple[str, str], Quota] = {}
        self._sweep_at = SWEEP_EVERY

    def enter(self, *, user: str | None, address: str, now: float) -> Quota:
        """One more connection. Raise `Overloaded`.

        An address of "" stands for one that is not known: its visitors are not counted together.
        """
        if user is None and not address:
            quota = Quota(now)
            quota.connections = 1
            return quota
        if len(self._quotas) >= self._sweep_at:
            self._sweep(now)
        key = ("address", address) if user is None else ("user", user)
        quota = self._quotas.setdefault(key, Quota(now))
        most = settings.MAX_CONNECTIONS_PER_ADDRESS if user is None else settings.MAX_CONNECTIONS_PER_USER
        if quota.connections >= most:
            whose = "from this address" if user is None else "of this user"
            raise Overloaded(f"There are {most} connections {whose} already.", retry=RETRY_SECONDS)
        quota.connections += 1
        return quota

    def leave(self, quota: Quota) -> None:
        """A connection is gone; its calls and events count until their time has passed."""
        quota.connections -= 1

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
