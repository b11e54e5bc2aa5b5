"""Subscriptions: one client's subscriptions, authorized when it subscribes and again when access changes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import NamedTuple

from realtime.auth.authorization import (
    AuthorizedStream,
    Decision,
    Request,
    authorize_request,
    is_under_way,
    read_facts,
    requested_stream,
    split_fingerprint,
)
from realtime.auth.identity import identify, session_digest
from realtime.auth.revocation import Access
from realtime.conf import limits, settings
from realtime.connections.calls import Calls
from realtime.connections.client_events import Events
from realtime.connections.peer import Peer
from realtime.exceptions import AccessTimedOut, ClientError, GoingAway, Overloaded, ProtocolError, SessionEnded
from realtime.hub.hub import Hub
from realtime.hub.subscribers import Client
from realtime.protocol.effects import Subscription
from realtime.protocol.messages import Subscribe
from realtime.protocol.session import State

logger = logging.getLogger("realtime.connections")

AUTHORIZE_SECONDS = 2.0  # for a client to subscribe; after this, its access is checked anyway
TOGETHER_SECONDS = 0.25  # how long a quick answer waits for a slow one, so that one frame brings both
RECHECK_SECONDS = 0.1  # between two rechecks of one client's access


class _Doubts(NamedTuple):
    """What must be checked again: the client's subscriptions to these streams, or to all."""

    streams: frozenset[str] = frozenset()
    everything: bool = False

    def __or__(self, other: _Doubts) -> _Doubts:
        return _Doubts(self.streams | other.streams, self.everything or other.everything)

    def concern(self, subject: AuthorizedStream) -> bool:
        return self.everything or subject.stream.name in self.streams


class _Check(NamedTuple):
    """A check of access for a new subscription."""

    subscription: Subscription
    changes: int  # the number of access changes when it began


_EVERYTHING = _Doubts(everything=True)


class Subscriptions:
    """The subscriptions that one client may have, and until when."""

    def __init__(self, peer: Peer, hub: Hub, client: Client, *, events: Events, calls: Calls) -> None:
        self._peer = peer
        self._hub = hub
        self._client = client
        self._events = events
        self._calls = calls
        self._subscribing: deque[Subscription] = deque()
        self._checks: dict[asyncio.Task[tuple[Decision, float]], _Check] = {}
        self._checked_twice: set[Subscription] = set()  # refused while access changed, and so checked once more
        self._news = asyncio.Event()  # set when there is something new to check
        self._new_token: str | None = None  # a token that was not checked yet
        self._access_changes = 0  # how often access had to be checked again
        self._doubts: _Doubts | None = None  # what must be checked again since then
        self._rechecked_at = 0.0  # when that was last done
        self._is_rechecking = False
        self._others_rows: set[str] = set()  # streams for which other users' rows changed during a check
        self._valid_until: float | None = None  # when the user's session expires, unless renewed
        self._never_authorized = peer.identity.session is not None  # so the session's expiry is unknown
        self._opened = peer.received_at

    @property
    def settled(self) -> bool:
        """Whether no request is waiting."""
        return not self._subscribing and not self._checks

    def enqueue(self, subscription: Subscription) -> None:
        """Queue a subscription that the client requests."""
        if len(self._subscribing) >= limits.subscriptions:  # most of them have been cancelled
            self._subscribing = deque(filter(self._peer.session.wants, self._subscribing))
        self._subscribing.append(subscription)

    def authenticate(self, token: str) -> None:
        """Check a token that identifies the client's user."""
        self._new_token = token
        self._peer.start(self._authenticate)

    def resume(self) -> None:
        """Check waiting requests, if their answers may be sent."""
        if self._subscribing and self._peer.session.has_room:
            self._count_checks()
            self._news.set()
            self._peer.start(self._subscribe_all)

    def _count_checks(self) -> None:
        """Refuse requests beyond the rate of checks of the user or the anonymous address."""
        quota = self._peer.quota
        for subscription in [item for item in self._subscribing if not item.checked]:
            subscription.checked = True
            try:
                quota.take_check(self._peer.received_at)
            except Overloaded as error:
                self._subscribing.remove(subscription)
                self._client.refuse(subscription, error)

    def reauthorize(self, access: Access) -> None:
        """Handle an access change that may affect the client."""
        identity = self._peer.identity
        user, session = identity.user, identity.session
        if f"user:{user}" in access.ended and user is not None:
            self._peer.end(SessionEnded("An administrator closed your connections."))
        elif self._peer.id in access.ended:
            self._peer.end(GoingAway("An administrator closed this connection."))
        elif session is not None and access.sessions and session_digest(session) in access.sessions:
            # its store may still accept it: a signed cookie cannot be revoked there
            self._peer.end(SessionEnded())
        elif access.everyone or user in access.users or (access.all_sessions and session is not None):
            self._reauthorize()
        elif (access.streams or access.owners) and not self._will_recheck(access):
            self._reauthorize_streams(access)

    def _will_recheck(self, access: Access) -> bool:
        """Return whether the next check, which has not begun, answers this change too, as is usual in a rush."""
        if self._doubts is None or self._checks or self._subscribing or access.owners:
            return False
        return self._peer.session.held and (self._doubts.everything or access.streams <= self._doubts.streams)

    def _reauthorize_streams(self, access: Access) -> None:
        theirs = {name for name, owners in access.owners.items() if self._peer.identity.user not in owners}
        doubtful = {*access.streams, *access.owners} - theirs
        # for pending checks, the stream of the token is not known here
        under_way = bool(doubtful) and bool(self._subscribing or self._checks)
        if self._checks or self._is_rechecking:  # it is not known yet whether the answer depends on their own rows
            self._others_rows |= theirs
        authorized = self._authorized()
        if theirs:
            doubtful |= {subject.stream.name for _, subject in authorized if not subject.by_own_rows} & theirs
        if under_way or any(subject.stream.name in doubtful for _, subject in authorized):
            self._reauthorize(_Doubts(frozenset(doubtful)))

    def _depends_on_others(self, answer: AuthorizedStream) -> bool:
        """Return whether the answer may depend on other users' rows that changed during the check."""
        return answer.stream.name in self._others_rows and not answer.by_own_rows

    def _forget_others(self) -> None:
        if not self._checks and not self._is_rechecking:
            self._others_rows.clear()

    def move(self, query: int) -> None:
        """Subscribe to a live query again, because another worker reads it now, or to get all rows in parts."""
        for subscription, subject in self._authorized():
            if subscription.query == query:
                # frames of others go on meanwhile, and it may be refused before its own
                self._peer.send(self._peer.session.detach(subscription))
                self._move(subscription, subject)

    def _move(self, subscription: Subscription, subject: AuthorizedStream) -> None:
        subscription.subject = subject
        self._peer.handle(self._peer.session.move(subscription))
        self._hub.subscribe(self._client, subscription, subject.stream, subject.format, None)

    def sweep(self, now: float) -> bool:
        """Check again what may have changed by time alone; return whether there was anything."""
        if self._valid_until is not None and now >= self._valid_until:
            self._valid_until = None
            self._reauthorize()
        elif self._never_authorized and now - self._opened > AUTHORIZE_SECONDS:
            self._never_authorized = False
            self._doubts = self._doubts or _Doubts()
            self._peer.start(self._recheck)  # nothing is held back meanwhile
        else:
            return False
        return True

    def _reauthorize(self, doubts: _Doubts = _EVERYTHING) -> None:
        self._access_changes += 1
        self._doubts = doubts if self._doubts is None else self._doubts | doubts
        self._peer.session.hold()
        self._peer.start(self._recheck)

    async def _subscribe_all(self) -> None:
        await self._hub.ready()
        try:
            while True:
                self._news.clear()
                if self._peer.session.has_room and len(self._checks) < limits.subscriptions:
                    self._start_checks()
                if not self._checks:
                    return
                await self._wait_for_answers()
                if not self._take_answers():
                    return
        finally:
            for task in self._checks:
                task.cancel()
            self._checks.clear()

    def _start_checks(self) -> None:
        for subscription in self._subscribing:
            task = asyncio.create_task(self._authorize(subscription.request), name="realtime authorization")
            self._checks[task] = _Check(subscription, self._access_changes)
        self._subscribing.clear()

    async def _wait_for_answers(self) -> None:
        news = asyncio.create_task(self._news.wait())
        try:
            # requests that arrive together are answered by one frame, unless some take long
            _, late = await asyncio.wait(self._checks, timeout=TOGETHER_SECONDS)
            if len(late) == len(self._checks):
                await asyncio.wait([*self._checks, news], return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _take_answers(self) -> bool:
        """Process the available answers; return whether the client's identity is unchanged."""
        peer, doubts = self._peer, set()
        for task in [task for task in self._checks if task.done()]:
            subscription, changes = self._checks.pop(task)
            decision, _ = task.result()
            answer = decision.answer
            if (not decision.holds or not isinstance(answer, AuthorizedStream)) and self._needs_second_check(
                subscription, changes
            ):
                self._subscribing.append(subscription)
            elif not decision.holds:
                peer.end(SessionEnded())
                return False
            elif isinstance(answer, ClientError):
                self._client.refuse(subscription, answer)
            elif isinstance(answer, AuthorizedStream) and peer.session.wants(subscription):
                subscription.subject = answer
                if not answer.continues(subscription.request.fingerprint):
                    subscription.cursor = None  # the client's rows cannot be the base of a delta
                if changes != self._access_changes or self._depends_on_others(answer):
                    doubts.add(answer.stream.name)
                fingerprint, cursor = subscription.request.fingerprint, subscription.cursor
                of_rows = split_fingerprint(fingerprint)[1] if fingerprint and cursor is not None else None
                self._hub.subscribe(self._client, subscription, answer.stream, answer.format, cursor, of_rows)
        if doubts:  # it continues, but nothing is sent before the next check
            self._reauthorize(_Doubts(frozenset(doubts)))
        self._forget_others()
        self._events.resume()
        return True

    def _needs_second_check(self, subscription: Subscription, changes: int) -> bool:
        """Return whether a refusal may be outdated. True only once, so that the client gets an answer."""
        changed = changes != self._access_changes or bool(self._others_rows)
        if not changed or subscription in self._checked_twice:
            self._checked_twice.discard(subscription)
            return False
        self._checked_twice.add(subscription)
        return True

    async def _recheck(self) -> None:
        peer, loop = self._peer, asyncio.get_running_loop()
        while self._is_in_doubt():
            if (pause := self._rechecked_at + RECHECK_SECONDS - loop.time()) > 0:
                await asyncio.sleep(pause)
            self._rechecked_at = loop.time()
            doubts, self._doubts = self._doubts or _Doubts(), None
            admitted = [(item, subject) for item, subject in self._authorized() if doubts.concern(subject)]
            subjects: list[AuthorizedStream | None] = [subject for _, subject in admitted]
            identity, only_rows = peer.identity, not doubts.everything
            self._is_rechecking = True
            try:
                if len(subjects) > 1:
                    answers = await asyncio.gather(
                        *(self._authorize(subject, only_rows=only_rows) for subject in subjects)
                    )
                else:  # as most clients: without a task of its own
                    answers = [await self._authorize(subjects[0] if subjects else None, only_rows=only_rows)]
            finally:
                self._is_rechecking = False
            if identity != peer.identity:  # the answers are for the previous identity
                self._doubts = _EVERYTHING
                continue
            if not all(decision.holds for decision, _ in answers):
                peer.end(SessionEnded())
                return
            for (subscription, subject), (decision, _) in zip(admitted, answers, strict=False):
                self._take_recheck(subscription, subject, decision.answer)
            self._forget_others()
            begun = min(begun for _, begun in answers)
            frames, effects = peer.session.release(begun if self._is_in_doubt() else None)
            peer.send(frames)
            peer.handle(effects)
            if self._client.is_ready:
                self._hub.send_parts(self._client)
            self._events.resume()

    def _is_in_doubt(self) -> bool:
        return self._doubts is not None

    def _take_recheck(self, subscription: Subscription, subject: AuthorizedStream, answer: object) -> None:
        peer = self._peer
        if not peer.session.wants(subscription):
            return
        if isinstance(answer, ClientError):
            self._client.refuse(subscription, answer)
        elif isinstance(answer, AuthorizedStream):
            if answer.shares(subject):
                subscription.subject = subject._replace(by_own_rows=answer.by_own_rows, reads=answer.reads)
            else:
                self._move(subscription, answer)
            if self._depends_on_others(answer):
                self._reauthorize(_Doubts(frozenset([answer.stream.name])))

    def _authorized(self) -> list[tuple[Subscription, AuthorizedStream]]:
        mine = self._peer.session.subscriptions.values()
        return [(item, item.subject) for item in mine if isinstance(item.subject, AuthorizedStream)]

    async def _authorize(
        self, wanted: Subscribe | AuthorizedStream | None, *, only_rows: bool = False
    ) -> tuple[Decision, float]:
        """Return the decision, and when its check began. With `only_rows`, nothing about the user has changed."""
        request = Request(self._peer.identity, wanted, only_rows)
        try:
            decision, begun = await self._hub.run_together(
                authorize_request, read_facts, request, kind=requested_stream, is_under_way=is_under_way
            )
        except TimeoutError:
            seconds: float = settings.QUERY_SECONDS
            logger.error("A check of access to a stream takes longer than %g s; it is refused.", seconds)
            return Decision(True, None, AccessTimedOut(seconds)), 0.0  # too old for any frame
        if request.identity == self._peer.identity and not decision.stands:
            self._valid_until = _after(decision.seconds)
            self._never_authorized = False
        return decision, begun

    async def _authenticate(self) -> None:
        peer = self._peer
        while self._new_token is not None:
            token, self._new_token = self._new_token, None
            known = peer.session.state is State.OPEN
            try:
                peer.quota.take_check(peer.received_at)
                identity, standing = await self._hub.run(identify, token)
                if known and identity.user != peer.identity.user:
                    raise SessionEnded("The token belongs to another user than this connection.")
                # a logout ends all connections that came with its cookie
                session = peer.identity.session if peer.identity.user == identity.user else None
                identity = identity._replace(session=session, surroundings=peer.identity.surroundings)
                if known:
                    peer.identity = identity
                else:
                    peer.identify(identity)
                    self._events.identify(identity)
                    self._hub.attach(self._client, identity.user)
            except ProtocolError as error:
                peer.end(error)
                return
            self._access_changes += 1  # pending checks are for the previous identity
            self._never_authorized = False
            self._valid_until = _after(standing.seconds)
            welcome = peer.session.welcome(standing.seconds)
            if welcome is None:
                return
            peer.send([welcome])
            if known:
                self._reauthorize()
            else:
                self._calls.identify()
            self.resume()
            self._calls.resume()


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
