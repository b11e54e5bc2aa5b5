"""Judging: what one client is admitted to, asked when it subscribes and again when access has changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from realtime.admission import Admitted, Request, Verdict, admit, logins_of
from realtime.conf import settings
from realtime.exceptions import ClientError, GoingAway, ProtocolError, SessionEnded
from realtime.hub import Hub
from realtime.identity import identify, session_digest
from realtime.party import Party
from realtime.protocol.demands import Subscription
from realtime.protocol.messages import Subscribe
from realtime.protocol.states import State
from realtime.streams.grounds import Access

JUDGE_SECONDS = 2.0  # for a client to subscribe; one that does not is judged by itself


class Judging:
    """What one client is admitted to, and until when."""

    def __init__(self, party: Party, hub: Hub) -> None:
        self._party = party
        self._hub = hub
        self._subscribing: deque[Subscription] = deque()
        self._new_token: str | None = None  # that nobody has looked at yet
        self._access_changes = 0  # how often access had to be asked again
        self._valid_until: float | None = None  # when the user's session ends, if it is not prolonged
        self._never_judged = party.identity.session is not None  # so it is not known when the session ends
        self._opened = party.heard

    @property
    def settled(self) -> bool:
        """Whether nothing that was asked for waits."""
        return not self._subscribing

    def take(self, subscription: Subscription) -> None:
        """A subscription that the client asks for."""
        if len(self._subscribing) >= settings.MAX_SUBSCRIPTIONS:  # most of them were left again
            self._subscribing = deque(filter(self._party.session.wants, self._subscribing))
        self._subscribing.append(subscription)

    def authenticate(self, token: str) -> None:
        """A token by which the client says who it is."""
        self._new_token = token
        self._party.start(self._authenticate)

    def go_on(self) -> None:
        """Take up what waits, if its answers may be sent."""
        if self._subscribing and self._party.session.has_room:
            self._party.start(self._subscribe_all)

    def reconsider(self, access: Access) -> None:
        """Access has changed, perhaps the client's."""
        streams = {subject.stream.name for _, subject in self._admitted()}
        identity = self._party.identity
        user, session = identity.user, identity.session
        if f"user:{user}" in access.ended and user is not None:
            self._party.end(SessionEnded("An administrator has ended your connections."))
        elif self._party.id in access.ended:
            self._party.end(GoingAway("An administrator has ended this connection."))
        elif session is not None and session_digest(session) in access.sessions:
            # its store may go on knowing it: a signed cookie has no other place to end in
            self._party.end(SessionEnded())
        elif (
            access.everyone
            or user in access.users
            or streams & access.streams
            or (access.streams and self._subscribing)
        ):
            self._reconsider()

    def sweep(self, now: float) -> bool:
        """Ask again what may have changed by time alone; return whether there was any such thing."""
        if self._valid_until is not None and now >= self._valid_until:
            self._valid_until = None
            self._reconsider()
        elif self._never_judged and now - self._opened > JUDGE_SECONDS:
            self._never_judged = False
            self._party.start(self._ask_again)  # nothing is held meanwhile
        else:
            return False
        return True

    def _reconsider(self) -> None:
        self._access_changes += 1
        self._party.session.hold()
        self._party.start(self._ask_again)

    async def _subscribe_all(self) -> None:
        party = self._party
        await self._hub.ready()
        while self._subscribing and party.session.has_room:
            # all that the client asks for at once is checked in one go, and so answered by one frame
            asked = list(self._subscribing)
            changes = self._access_changes
            verdict = await self._judge([subscription.asked for subscription in asked])
            if changes != self._access_changes:  # it may have been judged by what was true before
                continue
            if not verdict.holds:
                party.end(SessionEnded())
                return
            answered = set(asked)
            self._subscribing = deque(item for item in self._subscribing if item not in answered)
            for subscription, answer in zip(asked, verdict.answers, strict=True):
                if isinstance(answer, ClientError):
                    party.refuse(subscription, answer)
                elif party.session.wants(subscription):
                    subscription.subject = answer
                    if not answer.continues(subscription.asked.view):
                        subscription.cursor = None  # what the client has is no base for a delta
                    self._hub.subscribe(party, subscription, answer.stream, answer.format, subscription.cursor)
            party.admitted()

    async def _ask_again(self) -> None:
        party = self._party
        changes = -1
        while changes != self._access_changes:
            changes = self._access_changes
            admitted = self._admitted()
            verdict = await self._judge([subject for _, subject in admitted])
        if not verdict.holds:
            party.end(SessionEnded())
            return
        for (subscription, subject), answer in zip(admitted, verdict.answers, strict=True):
            if not party.session.wants(subscription):
                continue
            if isinstance(answer, ClientError):
                party.refuse(subscription, answer)
            elif not answer.shares(subject):
                subscription.subject = answer
                party.handle(party.session.move(subscription))
                self._hub.subscribe(party, subscription, answer.stream, answer.format, None)
        party.handle(party.session.release())

    def _admitted(self) -> list[tuple[Subscription, Admitted]]:
        mine = self._party.session.subscriptions.values()
        return [(item, item.subject) for item in mine if isinstance(item.subject, Admitted)]

    async def _judge(self, asked: Sequence[Subscribe | Admitted]) -> Verdict:
        verdict = await self._hub.run_together(admit, logins_of, Request(self._party.identity, asked))
        self._valid_until = _after(verdict.seconds)
        self._never_judged = False
        return verdict

    async def _authenticate(self) -> None:
        party = self._party
        while self._new_token is not None:
            token, self._new_token = self._new_token, None
            known = party.session.state is State.OPEN
            try:
                identity, standing = await self._hub.run(identify, token)
                if known and identity.user != party.identity.user:
                    raise SessionEnded("The token is not of the user whose connection this is.")
                party.enter(identity, renewed=known)
            except ProtocolError as error:
                party.end(error)
                return
            self._access_changes += 1  # what is being judged meanwhile is judged for who it was before
            self._never_judged = False
            self._valid_until = _after(standing.seconds)
            welcome = party.session.welcome(standing.seconds)
            if welcome is None:
                return
            party.say([welcome])
            if known:
                self._reconsider()
            party.go_on()


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
