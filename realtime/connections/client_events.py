"""Events: what one client sends to others: its events, and its user's presence."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from realtime.actions.deadline import Deadline
from realtime.actions.events import check_event, presence_refusal
from realtime.auth.authorization import AuthorizedStream
from realtime.auth.identity import Identity
from realtime.auth.sentences import localized_reason
from realtime.conf import limits
from realtime.connections.peer import Peer
from realtime.exceptions import ClientError, Code, Overloaded
from realtime.hub.counters import count
from realtime.hub.hub import Hub
from realtime.hub.presence_tracker import get_presence_tracker
from realtime.hub.subscribers import Client
from realtime.protocol.effects import Subscription
from realtime.protocol.envelope import Envelope
from realtime.protocol.flow_control import EVENT_SECONDS
from realtime.protocol.messages import Present, Send
from realtime.streams.place import Place
from realtime.streams.presence import PresenceStream
from realtime.streams.stream import ModelStream

MAX_WAITING = 100  # events of one client that wait for `@event` code


Places = dict[str, tuple[Place, dict[str, Any]]]
"""Places by key, with the user's data at each."""


class Events:
    """The events and the presence of one client."""

    def __init__(self, peer: Peer, hub: Hub, client: Client) -> None:
        self._peer = peer
        self._hub = hub
        self._client = client
        self._waiting: deque[tuple[Send, Subscription, float]] = deque()  # with the time of arrival
        self._presence = ClientPresence(peer.identity)
        self._too_fast = False  # and the client was sent the reason
        self._is_blocked = False  # the subscription of the first one is not accepted yet
        self._unblocked = 0.0  # when that last ended
        self._task: asyncio.Task[None] | None = None

    def identify(self, identity: Identity) -> None:
        """Set the client's identity."""
        self._presence = ClientPresence(identity)

    def enqueue(self, message: Send | Present, subscription: Subscription) -> None:
        """Publish a message of the client, or reject it. In a burst, only the first excess one is answered."""
        quota = self._peer.quota
        bucket = quota.presence if isinstance(message, Present) else quota.events
        if bucket.take(self._peer.received_at) > 0 or len(self._waiting) >= MAX_WAITING:
            if not self._too_fast:
                self._too_fast = True
                reason = f"You may send {bucket.rate:g} events per second on average; more are dropped."
                self._reject(message, Code.OVERLOADED, reason)
            return
        self._too_fast = False
        if isinstance(message, Present):
            subscription.present = message.data
            self.update_presence()
        else:
            self._waiting.append((message, subscription, self._peer.received_at))
            self.resume()

    def update_presence(self, *, at_once: bool = False) -> None:
        """Update the user's presence from the client's subscriptions; `at_once`: without a grace period."""
        subscriptions = self._peer.session.subscriptions.values()
        for item, refusal in self._presence.update(subscriptions, at_once=at_once):
            self._reject(Present(item.id), refusal.code, localized_reason(refusal, self._peer.identity.surroundings))

    def resume(self) -> None:
        """Publish waiting events, as far as their subscriptions are accepted."""
        if self._waiting:
            self._task = self._peer.start(self._run)

    async def flush(self) -> None:
        """Wait until the client's events are sent or refused, as far as their subscriptions are accepted."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_blocked:
            self._is_blocked, self._unblocked = False, loop.time()
        while self._waiting:
            message, subscription, at = self._waiting[0]
            subject = subscription.subject
            is_clear = isinstance(subject, AuthorizedStream) and self._peer.session.may_send(at)
            if self._peer.session.wants(subscription) and not is_clear:
                self._is_blocked = True
                return  # until it is accepted or refused
            self._waiting.popleft()
            since = max(at, self._unblocked)
            if loop.time() - since > EVENT_SECONDS:
                count("events_dropped", "late")
                self._reject(message, Code.OVERLOADED, "The event had to wait for too long, and is dropped.")
                continue
            if not isinstance(subject, AuthorizedStream) or not self._still(message, subject):
                self._peer.send(self._peer.session.reject_missing(message))
                continue
            checked = await self._check(subject.stream, message)
            if isinstance(checked, ClientError):
                self._reject(message, checked.code, localized_reason(checked, self._peer.identity.surroundings))
            elif self._peer.session.may_send(at) and self._still(message, subject):
                self._hub.publish(checked, self._client, since)

    async def _check(self, stream: ModelStream, message: Send) -> Envelope | ClientError:
        identity = self._peer.identity

        def work(deadline: Deadline) -> Envelope | ClientError:
            return check_event(identity, stream, message)

        try:
            # queued with actions, because it runs the project's code
            name, quota = f"{stream.name}.{message.name}", self._peer.quota
            return await self._hub.executor.run(quota.owner, object(), work, name=name, of_visitor=quota.is_visitors)
        except ClientError as error:
            return error

    def _still(self, message: Send, subject: AuthorizedStream) -> bool:
        # access may have ended during the check
        subscription = self._peer.session.subscriptions.get(message.id)
        return subscription is not None and subscription.subject is subject

    def _reject(self, message: Send | Present, code: Code, reason: str) -> None:
        self._peer.send(self._peer.session.reject_event(message, code=code, reason=reason))


class ClientPresence:
    """The places where one client's user is present. Used only in the client's event loop."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._places: Places = {}
        self._watches = False  # shows present users

    def update(
        self, subscriptions: Iterable[Subscription], *, at_once: bool
    ) -> list[tuple[Subscription, ClientError]]:
        """Update the subscriptions; return those whose `present` was refused, and discard its data.

        `at_once`: users leave without a grace period.
        """
        places: Places = {}
        watches = False
        refused: list[tuple[Subscription, ClientError]] = []
        for item in subscriptions:
            stream = item.subject.stream if isinstance(item.subject, AuthorizedStream) else None
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
                if place.key not in places and not self._has_room(place):
                    text = f"A user may be present at {limits.presences_per_user} streams at once."
                    refused.append((item, Overloaded(text)))
                    item.present = None
                    continue
                _, said = places.get(place.key, (place, {}))
                places[place.key] = place, item.present or said
        self._update(places, watches=watches, at_once=at_once)
        return refused

    def _has_room(self, place: Place) -> bool:
        return place.key in self._places or get_presence_tracker().has_room(str(self._identity.user), place)

    def _update(self, places: Places, *, watches: bool, at_once: bool) -> None:
        before, self._places = self._places, places
        watched, self._watches = self._watches, watches
        if not (before or places or watched or watches):
            return
        tracker, user = get_presence_tracker(), str(self._identity.user)
        if watches and not watched:
            tracker.watch(self)
        for key, (place, data) in places.items():
            if before.get(key) != (place, data):
                tracker.enter(self, user, place, data)
        for key, (place, _) in before.items():
            if key not in places:
                tracker.leave(self, user, place, at_once=at_once)
        if watched and not watches:
            tracker.unwatch(self)
