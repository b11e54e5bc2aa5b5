"""Awaited calls: clients' calls whose effects have yet to appear in one log, so that a frame can name them."""

from __future__ import annotations

from collections.abc import Collection

from realtime.hub.subscribers import Client


class AwaitedCalls:
    """The ids of calls, by client and by operation key."""

    def __init__(self) -> None:
        self.due = False  # a call has run: the next round must look for its effects
        self._calls: dict[Client, dict[str, str]] = {}

    @property
    def keys(self) -> set[str]:
        """The keys of all awaited operations."""
        return {key for calls in self._calls.values() for key in calls}

    @property
    def clients(self) -> set[Client]:
        """The clients whose calls are awaited."""
        return {client for client, calls in self._calls.items() if calls}

    def add(self, client: Client, key: str, call: str) -> None:
        self._calls.setdefault(client, {})[key] = call

    def settle(self, client: Client, key: str, *, ran: bool) -> bool:
        """Handle a call's answer: stop awaiting it unless it ran; return whether it ran."""
        if ran and key in self._calls.get(client, ()):
            self.due = True
            return True
        self._calls.get(client, {}).pop(key, None)
        return False

    def remove_client(self, client: Client) -> None:
        self._calls.pop(client, None)

    def pop(self, ran: Collection[str]) -> dict[Client, tuple[str, ...]]:
        """Remove and return the calls that have run, by client."""
        if not ran:
            return {}
        found = {client: [key for key in calls if key in ran] for client, calls in self._calls.items()}
        return {client: tuple(self._calls[client].pop(key) for key in keys) for client, keys in found.items() if keys}
