"""Admission: what a client asks for, checked in one go: who it is, its token, and each stream."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from realtime import tokens
from realtime.access import open_stream
from realtime.conf import settings
from realtime.exceptions import BadParameters, ClientError, InternalError
from realtime.identity import Identity, current, user_key
from realtime.logins import Logins
from realtime.protocol.messages import Subscribe
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.connections")


class Admitted(NamedTuple):
    """A stream that a client may see, bound to its parameters and the client's audience."""

    stream: ModelStream
    format: str

    def view(self) -> str:
        return self.stream.view(self.format)

    def continues(self, view: str) -> bool:
        """Whether rows with this tag are what is seen now; a client without a tag cannot have another audience's."""
        return view == self.view() if view else self.stream.audience_key is None

    def shares(self, other: Admitted) -> bool:
        """Whether both see the same rows, the stream and its parameters being the same."""
        mine, theirs = self.stream.audience_key, other.stream.audience_key
        return (type(mine), mine) == (type(theirs), theirs)  # True is not 1


class Verdict(NamedTuple):
    """An answer for each request; `holds` and `seconds` are those of the client's `Standing`."""

    holds: bool
    seconds: float | None
    answers: list[Admitted | ClientError]


class Request(NamedTuple):
    """What a client asks for: something new, or what it was admitted to before."""

    identity: Identity
    asked: Sequence[Subscribe | Admitted]


def logins_of(requests: Sequence[Request]) -> Logins:
    """What `admit` needs to know of these."""
    return Logins(request.identity.session for request in requests if request.identity.session is not None)


def admit(request: Request, logins: Logins) -> Verdict:
    """Judge all that a client asks for."""
    identity, asked = request
    standing = current(identity, logins)
    answers: list[Admitted | ClientError] = []
    for wanted in asked:
        try:
            answers.append(_admit(standing.user, wanted))
        except ClientError as error:
            answers.append(error)
        except Exception:
            logger.exception("A subscription could not be checked.")
            answers.append(InternalError())
    return Verdict(standing.holds, standing.seconds, answers)


def _admit(user: object, wanted: Subscribe | Admitted) -> Admitted:
    if isinstance(wanted, Admitted):
        name, params, format = wanted.stream.name, wanted.stream.wire_params(), wanted.format
    elif wanted.token is not None:
        token = tokens.read(wanted.token, user=user_key(user), max_age=settings.TOKEN_SECONDS)
        name, params, format = token.stream, token.params, token.format
    else:
        name, params, format = wanted.stream or "", dict(wanted.params), wanted.format
    stream = open_stream(user, name, params)
    if not stream.serves(format):
        raise BadParameters(f"The stream {name!r} does not serve {format!r}.")
    return Admitted(stream, format)
