"""Unread bytes: what clients that do not read make this process keep, limited by user and address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from realtime.auth.limits import RETRY_SECONDS, Quota
from realtime.exceptions import Overloaded
from realtime.hub.subscribers import Client, call_client, end_client


def end_unread(clients: Iterable[Client]) -> None:
    """End those clients with most unread bytes whose user, address or network has more of them than allowed.

    The only one of them that has any may read on: it has what its window allows, or a first frame that is larger.
    """
    waiting: defaultdict[Quota, int] = defaultdict(int)
    readers: defaultdict[Quota, int] = defaultdict(int)
    unread = sorted(
        ((size, client) for client in clients if (size := unsent_bytes(client))), key=lambda item: -item[0]
    )
    for size, client in unread:
        for quota in client.quota:
            waiting[quota] += size
            readers[quota] += 1
    for size, client in unread:
        excessive = [quota for quota in client.quota if waiting[quota] > quota.unread_bytes and readers[quota] > 1]
        if not excessive:
            continue
        reason = f"{client.quota.subject} may leave up to {excessive[0].unread_bytes} bytes unread."
        call_client(client, client.end, Overloaded(reason, retry=RETRY_SECONDS))
        for quota in client.quota:
            waiting[quota] -= size
            readers[quota] -= 1


def unsent_bytes(client: Client) -> int:
    """Return the bytes that a client has not read; end it if that cannot be found out."""
    try:
        return client.unsent
    except Exception:  # the server's own count, of a connection that it may have closed
        end_client(client)
        return 0
