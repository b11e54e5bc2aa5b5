"""Whereabouts: where the user of one client is present, told to the attendance as its subscriptions change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from realtime.admission import Admitted
from realtime.attendance import get_attendance
from realtime.exceptions import ClientError
from realtime.identity import Identity
from realtime.protocol.demands import Subscription
from realtime.sending import presence_refusal
from realtime.streams.presence import Place, PresenceStream

Places = dict[str, tuple[Place, dict[str, Any]]]
"""By key: a place, and what the user says of themselves there."""


class Whereabouts:
    """One client's. It belongs to the event loop that the client was made in."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._places: Places = {}
        self._watches = False  # sees who is somewhere

    def update(
        self, subscriptions: Iterable[Subscription], *, at_once: bool
    ) -> list[tuple[Subscription, ClientError]]:
        """The subscriptions are these now; return those whose `present` was refused, and forget what it said.

        `at_once`: who is not there any more gets no grace.
        """
        places: Places = {}
        watches = False
        refused: list[tuple[Subscription, ClientError]] = []
        for item in subscriptions:
            stream = item.subject.stream if isinstance(item.subject, Admitted) else None
            if stream is None:
                continue
            watches = watches or (item.query is not None and stream.is_presence())
            if item.present is None:
                continue
            if refusal := presence_refusal(self._identity, stream, item.present):
                refused.append((item, refusal))
                item.present = None
            elif item.query is not None and isinstance(stream, PresenceStream):
                place = stream.place()
                _, said = places.get(place.key, (place, {}))
                places[place.key] = place, item.present or said
        self._tell(places, watches=watches, at_once=at_once)
        return refused

    def _tell(self, places: Places, *, watches: bool, at_once: bool) -> None:
        before, self._places = self._places, places
        watched, self._watches = self._watches, watches
        if not (before or places or watched or watches):
            return
        attendance, user = get_attendance(), str(self._identity.user)
        if watches and not watched:
            attendance.watch(self)
        for key, (place, data) in places.items():
            if before.get(key) != (place, data):
                attendance.enter(self, user, place, data)
        for key, (place, _) in before.items():
            if key not in places:
                attendance.leave(self, user, place, at_once=at_once)
        if watched and not watches:
            attendance.unwatch(self)
