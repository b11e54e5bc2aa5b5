"""Presence rows: each server process holds a lease, and a seat for each present user at each place.

Rows are written when a user enters or leaves a place or changes their data; not for another page of the same user, nor
for a heartbeat. If the lease of a process has expired, any other process removes its seats.

To avoid deadlocks between processes, locks are taken in one order: the lease, presences by key,
seats.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.models import QuerySet

from realtime.auth.users import user_database, user_model
from realtime.changelog import get_changelog
from realtime.exceptions import RealtimeError
from realtime.models import Presence, Seat, Server
from realtime.streams.keys import parse_keys
from realtime.streams.place import Place

ROUNDS = 5  # tries to insert a row that others remove meanwhile


class Lapsed(RealtimeError):
    """The lease of this process is gone: another process considered it dead and removed its users."""


class Who(NamedTuple):
    """A user (primary key as text) at a place (its digest)."""

    place: str
    user: str


class Arrival(NamedTuple):
    """A user at a place, with their data."""

    who: Who
    place: Place
    data: dict[str, Any]


def take_lease(server: str, *, seconds: float) -> None:
    """Create or replace the lease of a process."""
    expires = get_changelog(user_database()).now_plus(seconds)
    Server.objects.using(user_database()).update_or_create(pk=server, defaults={"expires": expires})


def renew_lease(server: str, *, seconds: float) -> bool:
    """Renew the lease; return whether it was still valid. Raise `Lapsed` if it has been removed."""
    log, mine = get_changelog(user_database()), Server.objects.using(user_database()).filter(pk=server)
    if mine.filter(expires__gte=log.now).update(expires=log.now_plus(seconds)):
        return True
    if mine.update(expires=log.now_plus(seconds)):
        return False
    raise Lapsed


def seat(server: str, arrivals: Sequence[Arrival], departures: Collection[Who], *, seconds: float) -> None:
    """Write the arrivals, with their data, and the departures of this process.

    Repeating it is safe. Raise `Lapsed` if the process has no lease.
    """
    with transaction.atomic(using=user_database()):
        renew_lease(server, seconds=seconds)  # first: on SQLite, a transaction that begins by reading may not write
        touched = [*_seat(server, arrivals), *_unseat(server, departures)]
        _settle(touched)


def sweep() -> int:
    """Remove the present users of processes whose lease has expired; return the number of these processes."""
    dead = Server.objects.using(user_database()).filter(expires__lt=get_changelog(user_database()).now)
    return sum(end_lease(server, expired=True) for server in dead.values_list("pk", flat=True))


def end_lease(server: str, *, expired: bool = False) -> bool:
    """Delete the lease of a process, and its seats; return False if it was renewed, or another process did so."""
    alias = user_database()
    with transaction.atomic(using=alias):
        gone = Server.objects.using(alias).filter(pk=server)
        if expired:
            gone = gone.filter(expires__lt=get_changelog(alias).now)
        if not gone.update(expires=0):
            return False
        theirs = _locked(Presence.objects.using(alias).filter(seats__server=server))
        Seat.objects.using(alias).filter(server=server).delete()
        _settle(theirs)
        gone.delete()
        return True


def _seat(server: str, arrivals: Sequence[Arrival]) -> list[Presence]:
    alias = user_database()
    known = _known_users(alias, {arrival.who.user for arrival in arrivals})
    wanted = {arrival.who: arrival for arrival in arrivals if arrival.who.user in known}
    if not wanted:
        return []
    presences: dict[Who, Presence] = {}
    for _ in range(ROUNDS):
        presences = _presences(wanted, known)
        # in one order, because inserting a row waits for a concurrent insert of the same row
        missing = [wanted[who] for who in sorted(wanted) if who not in presences]
        if not missing:
            break
        new = [
            Presence(
                place=item.place.key, stream=item.place.stream, params=item.place.params, user_id=known[item.who.user]
            )
            for item in missing
        ]
        Presence.objects.using(alias).bulk_create(new, ignore_conflicts=True)
    else:
        raise RealtimeError("Somebody came and went in other processes all the time.")

    keys = {presence.pk: who for who, presence in presences.items()}
    held = {item.presence_id: item for item in Seat.objects.using(alias).filter(server=server, presence__in=keys)}
    said = int(time.time() * 1000)
    for pk, item in held.items():
        if item.data != (data := wanted[keys[pk]].data):
            Seat.objects.using(alias).filter(pk=item.pk).update(data=data, said=said)
    Seat.objects.using(alias).bulk_create(
        Seat(presence_id=pk, server_id=server, data=wanted[who].data, said=said)
        for pk, who in keys.items()
        if pk not in held
    )
    return list(presences.values())


def _unseat(server: str, departures: Collection[Who]) -> list[Presence]:
    alias = user_database()
    keys = _user_keys({who.user for who in departures})
    left = list(_presences([who for who in departures if who.user in keys], keys).values())
    Seat.objects.using(alias).filter(server=server, presence__in=left).delete()
    return left


def _settle(presences: Sequence[Presence]) -> None:
    """Remove presences without a seat; give the others the data of their newest seat."""
    alias = user_database()
    # with locks, so that the newest seats are read at any isolation level
    seats: defaultdict[int, list[Seat]] = defaultdict(list)
    for item in Seat.objects.using(alias).filter(presence__in=presences).order_by("pk").select_for_update():
        seats[item.presence_id].append(item)
    Presence.objects.using(alias).filter(pk__in=[item.pk for item in presences if item.pk not in seats]).delete()
    for presence in presences:
        words = [item for item in seats.get(presence.pk, ()) if item.data]
        data = max(words, key=lambda item: item.said).data if words else {}
        if presence.pk in seats and data != presence.data:
            Presence.objects.using(alias).filter(pk=presence.pk).update(data=data)


def _presences(wanted: Collection[Who], known: dict[str, Any]) -> dict[Who, Presence]:
    places, users = {who.place for who in wanted}, [known[who.user] for who in wanted]
    texts = {pk: text for text, pk in known.items()}
    rows = Presence.objects.using(user_database()).filter(place__in=places, user__in=users)
    found = {Who(row.place, texts[row.user_id]): row for row in _locked(rows)}
    return {who: row for who, row in found.items() if who in wanted}


def _locked(presences: QuerySet[Presence]) -> list[Presence]:
    return list(presences.order_by("pk").select_for_update(of=_of()))


def _of() -> tuple[str, ...]:
    features = connections[user_database()].features
    return ("self",) if features.has_select_for_update_of else ()


def _user_keys(texts: Collection[str]) -> dict[str, Any]:
    """Return the users' keys by their text, also those of users who have been deleted."""
    model = user_model()
    return {} if model is None else {str(key): key for key in parse_keys(model, texts)}


def _known_users(alias: str, texts: Collection[str]) -> dict[str, Any]:
    """Return the keys of the users that still exist, by their text."""
    keys = _user_keys(texts)
    if not keys:
        return {}
    users = user_model()._default_manager.using(alias)
    there = set(users.filter(pk__in=keys.values()).values_list("pk", flat=True))
    return {text: key for text, key in keys.items() if key in there}
