"""Speech: what one client has to say to others, its events and where its user is present."""

from __future__ import annotations

import asyncio
from collections import deque

from realtime.admission import Admitted
from realtime.conf import settings
from realtime.deadline import Deadline
from realtime.events import Envelope
from realtime.exceptions import ClientError, Code
from realtime.hub import Hub
from realtime.identity import Identity
from realtime.party import Party
from realtime.protocol.bucket import Bucket
from realtime.protocol.demands import Subscription
from realtime.protocol.messages import Present, Send
from realtime.protocol.states import State
from realtime.sending import judge
from realtime.streams.stream import ModelStream
from realtime.whereabouts import Whereabouts

MAX_WAITING = 100  # events of one client that wait for their hook


class Speech:
    """What one client says."""

    def __init__(self, party: Party, hub: Hub) -> None:
        self._party = party
        self._hub = hub
        self._waiting: deque[tuple[Send, Subscription]] = deque()
        self._whereabouts = Whereabouts(party.identity)
        # not the user's: over HTTP each request says it again, and the attendance writes a burst once
        self._presences = Bucket(settings.EVENTS_PER_SECOND, party.heard)
        self._too_fast = False  # and the client knows it
        self._task: asyncio.Task[None] | None = None

    def enter(self, identity: Identity) -> None:
        """Who the client is is known now."""
        self._whereabouts = Whereabouts(identity)

    def take(self, message: Send | Present, subscription: Subscription) -> None:
        """A message of the client; what may not be said is told it, or dropped where that has been told already."""
        bucket = self._presences if isinstance(message, Present) else self._party.quota.events
        if bucket.take(self._party.heard) > 0 or len(self._waiting) >= MAX_WAITING:
            if not self._too_fast:
                self._too_fast = True
                reason = f"You may send {bucket.rate:g} events a second in the long run; more are dropped."
                self._unsent(message, Code.OVERLOADED, reason)
            return
        self._too_fast = False
        if isinstance(message, Present):
            subscription.present = message.data
            self.attend()
        elif self._party.session.held:  # an event may be lost, and is, while it is not known who may get it
            self._unsent(message, Code.OVERLOADED, "The subscription is not live yet.")
        else:
            self._waiting.append((message, subscription))
            self.go_on()

    def attend(self, *, at_once: bool = False) -> None:
        """Tell where the user is present, as the client's subscriptions are now; `at_once`: without any grace."""
        subscriptions = self._party.session.subscriptions.values()
        for item, refusal in self._whereabouts.update(subscriptions, at_once=at_once):
            self._unsent(Present(item.id), refusal.code, refusal.reason)

    def go_on(self) -> None:
        """Take up what waits, as far as its subscriptions are admitted."""
        if self._waiting:
            self._task = self._party.start(self._run)

    async def said(self) -> None:
        """Wait until what the client has said is on its way, or refused, as far as its subscriptions are admitted."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._waiting:
            message, subscription = self._waiting[0]
            subject = subscription.subject
            if self._party.session.wants(subscription) and not isinstance(subject, Admitted):
                return  # until it is admitted, or refused
            self._waiting.popleft()
            if not isinstance(subject, Admitted) or not self._still(message, subject):
                self._party.say(self._party.session.missing(message))
                continue
            judged = await self._judge(subject.stream, message)
            if isinstance(judged, ClientError):
                self._unsent(message, judged.code, judged.reason)
            elif self._may_go(message, subject):
                self._hub.publish(judged, self._party)

    async def _judge(self, stream: ModelStream, message: Send) -> Envelope | ClientError:
        identity = self._party.identity

        def work(deadline: Deadline) -> Envelope | ClientError:
            return judge(identity, stream, message)

        try:
            # in turn with actions, since its hook is the project's code
            return await self._hub.perform(identity.owner, object(), work, name=f"{stream.name}.{message.name}")
        except ClientError as error:
            return error

    def _may_go(self, message: Send, subject: Admitted) -> bool:
        session = self._party.session
        return session.state is State.OPEN and not session.held and self._still(message, subject)

    def _still(self, message: Send, subject: Admitted) -> bool:
        # its access may have ended while it was judged
        subscription = self._party.session.subscriptions.get(message.id)
        return subscription is not None and subscription.subject is subject

    def _unsent(self, message: Send | Present, code: Code, reason: str) -> None:
        self._party.say(self._party.session.unsent(message, code=code, reason=reason))
