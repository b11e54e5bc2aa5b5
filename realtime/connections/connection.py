"""Connection: one client over any transport: receives bytes, calls the hub and actions, sends bytes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from realtime.auth.authorization import AuthorizedStream, join_fingerprint
from realtime.auth.identity import Identity
from realtime.auth.limits import Quota
from realtime.auth.revocation import Access
from realtime.auth.sentences import localized_details, localized_reason
from realtime.conf import limits, settings
from realtime.connections.calls import Calls
from realtime.connections.client_events import Events
from realtime.connections.peer import Peer, Transport
from realtime.connections.subscriptions import Subscriptions
from realtime.exceptions import ClientError, InternalError, ProtocolError, TimedOut
from realtime.hub.counters import count, reason_of
from realtime.hub.hub import Hub
from realtime.hub.subscribers import Delivery
from realtime.protocol.codec import Encoded
from realtime.protocol.effects import CatchUp, Effect, Leave, Publish, Subscription
from realtime.protocol.live_text import TextUpdate
from realtime.protocol.messages import Authenticate, Call
from realtime.protocol.session import State
from realtime.queries.shared_delta import Form

logger = logging.getLogger("realtime.connections")

SILENT_HEARTBEATS = 2.5  # unanswered heartbeats after which a client counts as gone


class Connection:
    """One client, from the opening of its transport until `close`. For the hub, it is a `Client`.

    `address` is the client's address, "" if unknown. Up to `windows` times the limit `window_frames` may be sent
    before the client acknowledges. Raise `Overloaded` if the user or the address already has too many
    connections.
    """

    def __init__(
        self, *, hub: Hub, transport: Transport, identity: Identity, address: str = "", windows: int = 1
    ) -> None:
        self.peer = peer = Peer(
            hub=hub, transport=transport, handle=self._handle, identity=identity, address=address, windows=windows
        )
        self.is_handed_on = False  # any page of the session with the same cursors may continue with it
        self.behind_since: float | None = None  # by the monotonic clock, while new frames cannot be sent
        self._hub = hub
        self._opened = self._last_heartbeat = peer.received_at
        self._heartbeat_seconds: float = settings.HEARTBEAT_SECONDS
        self._events = Events(peer, hub, self)
        self._calls = Calls(peer, hub, self)
        self._subscriptions = Subscriptions(peer, hub, self, events=self._events, calls=self._calls)
        hub.attach(self, identity.user)

    def receive(self, data: str | bytes) -> None:
        """Handle one message from the client."""
        if self.peer.session.state is State.CLOSED:  # messages after the end are ignored
            return
        try:
            self.peer.receive(data)
            self._subscriptions.resume()
            self._calls.resume()
            self.send_parts()
        except ProtocolError as error:
            self.end(error)
        except Exception:
            logger.exception("A message from a client could not be handled.")
            self.end(InternalError())

    def _handle(self, effect: Effect) -> None:
        match effect:
            case Authenticate(token=token):
                self._subscriptions.authenticate(token)
            case Subscription():
                self._subscriptions.enqueue(effect)
            case Call():
                self._calls.enqueue(effect)
            case Publish(message=message, subscription=subscription):
                self._events.enqueue(message, subscription)
            case CatchUp(queries=queries):
                self._hub.catch_up(self, queries)
            case Leave(query=query):
                self._hub.unsubscribe(self, query)
                self._events.update_presence()

    def end(self, error: ProtocolError) -> None:
        """Send the reason to the client, and close its transport."""
        self.peer.end(error)

    @property
    def id(self) -> str:
        """A unique name across all processes."""
        return self.peer.id

    @property
    def user(self) -> str | None:
        """The user's key; None for an anonymous client."""
        return self.peer.identity.user

    @property
    def quota(self) -> Quota:
        """The limits shared with the other clients of its user, or of its anonymous address."""
        return self.peer.quota

    @property
    def subscriptions(self) -> int:
        """The number of subscriptions."""
        return len(self.peer.session.subscriptions)

    @property
    def delta_form(self) -> Form:
        """The form of deltas that the client takes if it has the rows as they were sent last."""
        if self.is_handed_on:
            return "whole"
        return "patched" if self.peer.session.version >= 2 else "known"

    @property
    def takes_parts(self) -> bool:
        """Whether the client takes rows in parts."""
        return self.peer.session.version >= 2

    @property
    def is_ready(self) -> bool:
        """Whether the client can take another part. Once it can, it tells the hub."""
        return self.peer.session.takes_part and self.unsent < limits.window_bytes

    def send_parts(self, *, is_taken: bool = False) -> None:
        """Go on with rows that are sent in parts, if the client can take another one.

        `is_taken`: the transport has taken what was sent before, which acknowledges it if there are more parts.
        """
        if self.is_ready and self._hub.send_parts(self) and is_taken:
            self.peer.acknowledge_all()

    @property
    def unsent(self) -> int:
        """The bytes that wait in this process for the client to read them, as far as is known."""
        return self.peer.unsent

    @property
    def busy(self) -> bool:
        """Whether a call of the client waits for its reply."""
        return self._calls.open

    @property
    def settled(self) -> bool:
        """Whether every requested subscription is live or has been refused."""
        return self._subscriptions.settled and self.peer.session.settled

    @property
    def spent(self) -> bool:
        """Whether nothing more can be sent before the client acknowledges."""
        return self.peer.session.spent

    async def flush_events(self) -> None:
        """Wait until the client's events are sent or refused, as far as their subscriptions are accepted."""
        await self._events.flush()

    def acknowledge_all(self) -> None:
        """Acknowledge everything sent to the client: over HTTP, its next request implies this."""
        if self.is_handed_on:
            self.peer.session.forget_texts()
        self.peer.acknowledge_all()
        if self.peer.session.has_credit:
            self.peer.send(self.peer.session.send_missed_texts())
        self._subscriptions.resume()
        self._calls.resume()
        self.send_parts()

    async def close(self) -> None:
        """Release everything after the transport has closed."""
        self.peer.abandon()
        self._events.update_presence()
        await self._hub.detach(self)  # first: the server may cancel this
        await self.peer.ended()

    # called by the hub

    def wants(self, subscription: Subscription) -> bool:
        return self.peer.session.wants(subscription)

    def send_part(self, subscription: Subscription, puts: bytes, *, is_first: bool) -> None:
        now = asyncio.get_running_loop().time()
        self.peer.send(self.peer.session.part(subscription, puts, is_first=is_first, now=now))

    def deliver(self, delivery: Delivery) -> None:
        # over long-poll, a client that sends the same cursor again may not have received the last response
        plain = delivery.frame if delivery.short is None or self.is_handed_on else delivery.short
        if delivery.plain and self.peer.session.try_send(plain, delivery.log):
            self.peer.send_frame(plain)
            return
        left: list[int] = []
        for subscription, query, fingerprint in delivery.accepted:
            subject = subscription.subject
            if isinstance(subject, AuthorizedStream):
                fingerprint = join_fingerprint(subject.fingerprint, fingerprint)
            else:
                fingerprint = ""
            accepted = self.peer.session.accept(subscription, query=query, log=delivery.log, fingerprint=fingerprint)
            if accepted is not None:
                self.peer.send([accepted])
            else:
                left.append(query)
        for query in left:  # after all are accepted: the client may have subscribed to the same live query again
            self.peer.handle(self.peer.session.leave(query))
        if delivery.accepted:
            self._events.update_presence()
        log, before, _, _, caught_up, calls, *_ = delivery
        now = asyncio.get_running_loop().time()
        self.peer.send(
            self.peer.session.offer(delivery.frame, log=log, before=before, caught_up=caught_up, calls=calls, now=now)
        )
        if not self.peer.session.behind:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = time.monotonic()
            count("behind")
        if self.peer.session.behind and self.peer.session.has_credit:
            self.peer.handle(self.peer.session.catch_up())

    def refuse(self, subscription: Subscription, error: ClientError) -> None:
        surroundings = self.peer.identity.surroundings
        reason, details = localized_reason(error, surroundings), localized_details(error, surroundings)
        refused = self.peer.session.refuse(
            subscription, code=error.code, reason=reason, retry=error.retry, details=details
        )
        if refused is not None:
            count("refusals", reason_of(error.code, subscription.request.stream))
            logger.info("A live query is refused: %s", error)  # with the hint, which is not sent to the client
            self.peer.send([refused])
            if subscription.query is not None:
                self._events.update_presence(at_once=True)
                self.peer.handle(self.peer.session.leave(subscription.query))

    def fail(self, query: int, error: ClientError) -> None:
        for item in list(self.peer.session.subscriptions.values()):
            if item.query == query:
                self.refuse(item, error)

    def move(self, query: int) -> None:
        """Subscribe to a live query again, because another worker reads it now, or to get all rows in parts."""
        self._subscriptions.move(query)

    def reauthorize(self, access: Access) -> None:
        self._subscriptions.reauthorize(access)

    def stall(self) -> None:
        self.peer.send(self.peer.session.stall())

    def notify(self, event: Encoded) -> None:
        messages = self.peer.session.notify(event, asyncio.get_running_loop().time())
        if not messages and not self.peer.session.held:
            count("events_dropped", "slow client")
        self.peer.send(messages)

    def send_text(self, part: TextUpdate) -> None:
        self.peer.send(self.peer.session.send_text(part, asyncio.get_running_loop().time()))

    def end_text(self, query: int, ended: Encoded) -> None:
        self.peer.send(self.peer.session.end_text(query, ended, asyncio.get_running_loop().time()))

    def sweep(self, now: float, positions: Mapping[int, str]) -> None:
        if self.peer.session.state is State.NEW and now - self._opened > limits.handshake_seconds:
            self.end(TimedOut(f"No 'hello' was received within {limits.handshake_seconds:g} seconds."))
        elif now - self.peer.received_at > SILENT_HEARTBEATS * self._heartbeat_seconds:
            self.end(TimedOut(f"Nothing was received for {SILENT_HEARTBEATS * self._heartbeat_seconds:g} seconds."))
        elif self._subscriptions.sweep(now):
            return
        elif now - self._last_heartbeat >= self._heartbeat_seconds:
            self._last_heartbeat = now
            heartbeat = self.peer.session.heartbeat(positions)
            if heartbeat is not None:
                self.peer.send([heartbeat])
