"""Authorization: may this user see this stream, as which audience; and what a client asks for, checked in one go."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings as django_settings
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404

from realtime.auth import tokens
from realtime.auth.identity import Identity, Standing, current, user_key
from realtime.auth.own_rows import OwnRows, own_columns
from realtime.auth.sessions import Logins
from realtime.auth.users import visitor
from realtime.changelog.caches import past_caches
from realtime.conf import settings
from realtime.exceptions import (
    BadParameters,
    ClientError,
    Forbidden,
    InternalError,
    StreamDefinitionError,
    UnknownStream,
)
from realtime.protocol.messages import Subscribe
from realtime.streams.choices import RefusedChoice, refused_choice
from realtime.streams.hints import explained
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE, Surroundings
from realtime.streams.window import take_window

logger = logging.getLogger("realtime.connections")

NOT_VISIBLE = "You do not have permission to view the stream %(stream)r with these parameters."


class StreamForbidden(Forbidden, PermissionDenied):
    """`Forbidden` as Django knows it: a page that raises it is answered with 403, as it is for `PermissionDenied`."""


@past_caches
def open_stream(user: Any, name: str, params: Mapping[str, Any], surroundings: Surroundings = SITE) -> ModelStream:
    """The stream, bound to these parameters, the user's audience and the surroundings of its rows.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    stream = registry.get(name)
    if not user.is_authenticated and not stream.allow_anonymous:
        raise _refusal(stream, f"Nobody is logged in, and {stream.__name__} does not set `allow_anonymous`.")
    window, given = take_window(stream, params)
    cleaned = stream.clean_params(given)

    asked = stream(cleaned)
    try:
        allowed = asked.authorize(user, **cleaned)
        audience = asked.audience(user, **cleaned) if allowed else None
    except (PermissionDenied, ObjectDoesNotExist, Http404) as error:
        raise _refusal(stream, f"Its authorize() or audience() has raised {type(error).__qualname__}.") from None
    except ValidationError as error:
        raise refused_choice(name, error) from None
    except ValueError:  # a value that the database cannot hold
        raise BadParameters(f"The parameters of the stream {name!r} have values of the wrong type.") from None
    if not allowed:
        raise _refusal(stream, _why(stream, user))
    if not isinstance(audience, str | int | UUID | None):
        raise StreamDefinitionError(
            f"audience of the stream {name!r} returned {type(audience).__name__}.",
            hint="Return a string, a number, a UUID or None, such as user.pk.",
        )
    return stream(cleaned, audience, surroundings, window)


def check_value(user: Any, stream: ModelStream, format: str) -> None:
    """Raise `Forbidden` where the format is a live value that needs a permission which the user has not."""
    kind, _, name = format.partition(":")
    permission = stream.values()[name]["permission"] if kind == "value" else None
    if permission and not user.has_perm(permission):
        hint = f"The live value {name!r} needs the permission {permission!r}."
        raise explained(
            StreamForbidden(
                "You do not have permission to view this value of the stream %(stream)r.", stream=stream.name
            ),
            hint,
        )


def public_error(error: Exception, user: Any, name: str) -> Exception:
    """What a client may be told of an error of `open_stream`.

    Before `authorize` has said yes, a visitor is not told which streams there are, and which parameters they take;
    while DEBUG is on they are.
    """
    if django_settings.DEBUG or user.is_authenticated:
        return error
    if isinstance(error, UnknownStream):
        return Forbidden(NOT_VISIBLE, stream=name)
    if isinstance(error, BadParameters):
        return BadParameters(f"The parameters of the stream {name!r} do not match its signature.")
    return error


def _refusal(stream: type[ModelStream], hint: str) -> StreamForbidden:
    return explained(StreamForbidden(NOT_VISIBLE, stream=stream.name), hint)


def _why(stream: type[ModelStream], user: Any) -> str:
    who = f"the user {user.get_username()!r}" if user.is_authenticated else "a visitor who is not logged in"
    if stream.authorize is not ModelStream.authorize:
        return f"{stream.__name__}.authorize() has said no to {who}."
    meta = stream.model._meta
    permission = f"{meta.app_label}.{get_permission_codename('view', meta)}"
    return (
        f"{who[0].upper()}{who[1:]} has not the permission {permission!r}, which decides because {stream.__name__} "
        "has no authorize() of its own."
    )


class AuthorizedStream(NamedTuple):
    """A stream that a client may see, bound to its parameters and the client's audience."""

    stream: ModelStream
    format: str
    by_own_rows: bool = False
    """Whether the models that access depends on were read for no rows but the user's own."""

    def format_fingerprint(self) -> str:
        return self.stream.format_fingerprint(self.format)

    def continues(self, fingerprint: str) -> bool:
        """Return whether a delta may build on rows with this fingerprint, or on rows without one."""
        if fingerprint:
            return split_fingerprint(fingerprint)[0] == self.format_fingerprint()
        return self.stream.audience_key is None and not any(self.stream.surroundings)

    def shares(self, other: AuthorizedStream) -> bool:
        """Whether both see the same rows, the stream and its parameters being the same."""
        mine, theirs = self.stream.audience_key, other.stream.audience_key
        same = (type(mine), mine) == (type(theirs), theirs)  # True is not 1
        return same and self.stream.surroundings == other.stream.surroundings


def join_fingerprint(of_format: str, of_rows: str) -> str:
    """Return the fingerprint that a client stores: that of the rows' format and audience, and that of the rows."""
    return f"{of_format}.{of_rows}"


def split_fingerprint(fingerprint: str) -> tuple[str, str]:
    """Return both parts of a client's fingerprint."""
    of_format, _, of_rows = fingerprint.partition(".")
    return of_format, of_rows


class Decision(NamedTuple):
    """The answer to a request, None where it asks for no stream; `holds` and `seconds` are those of the `Standing`."""

    holds: bool
    seconds: float | None
    answer: AuthorizedStream | ClientError | None


class Request(NamedTuple):
    """What a client asks for: something new, what it was admitted to before, or only whether it is who it was."""

    identity: Identity
    asked: Subscribe | AuthorizedStream | None


class Target(NamedTuple):
    """What a request is for."""

    stream: str
    params: Mapping[str, Any]
    format: str
    surroundings: Surroundings
    is_signed: bool = False  # by a page's token


class RequestFacts:
    """What has been found out for a batch of requests: who asks, and which user may see what."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._logins = Logins(request.identity.session for request in requests if request.identity.session is not None)
        self._standings: dict[Identity, Standing] = {}
        self._opened: dict[tuple[int, str, str, Surroundings, bool], ModelStream | ClientError] = {}
        self._targets: dict[int, Target] = {}  # by the requests' identities, which are there for as long as this is
        self._own_rows: dict[int, OwnRows] = {}  # by the users' identities
        streams: Iterable[Any] = registry
        self._watches = any(map(own_columns, streams))
        self._visitor = visitor()  # one for all: nothing tells one visitor from another

    def standing(self, identity: Identity) -> Standing:
        """Who this is now."""
        if identity not in self._standings:
            standing = current(identity, self._logins)
            user = standing.user if standing.user.is_authenticated else self._visitor
            self._standings[identity] = standing._replace(user=user)
        return self._standings[identity]

    def target(self, request: Request) -> Target:
        """What it asks for. Raise `ClientError` where its token does not hold."""
        if id(request) not in self._targets:
            self._targets[id(request)] = self._target(request)
        return self._targets[id(request)]

    def _target(self, request: Request) -> Target:
        wanted: Any = request.asked
        if isinstance(wanted, AuthorizedStream):
            return Target(wanted.stream.name, wanted.stream.wire_params(), wanted.format, wanted.stream.surroundings)
        if wanted.token is not None:
            user = user_key(self.standing(request.identity).user)
            token = tokens.read(wanted.token, user=user, max_age=settings.TOKEN_SECONDS)
            # others than those that the page was rendered with are authorized like any that a script asks for
            return Target(token.stream, {**token.params, **wanted.params}, token.format, token.surroundings, True)
        return Target(wanted.stream or "", dict(wanted.params), wanted.format, request.identity.surroundings)

    def watch(self, user: Any) -> AbstractContextManager[None]:
        """Read what is sent to the database for the sake of this user's access, where that can prove anything."""
        key = user_key(user) if self._watches else None
        return nullcontext() if key is None else self._own_rows.setdefault(id(user), OwnRows(key)).watch()

    def is_by_own_rows(self, user: Any, stream: ModelStream) -> bool:
        """Whether what has been sent for this user proves that rows of others do not matter to the stream's access."""
        kind: Any = type(stream)
        columns, rows = own_columns(kind), self._own_rows.get(id(user))
        return columns is not None and rows is not None and rows.prove(columns)

    def open(self, user: Any, target: Target) -> ModelStream:
        """The stream as this user may see it; several connections of one user ask once. Raise `ClientError`."""
        params = repr(sorted(target.params.items()))
        place = (id(user), target.stream, params, target.surroundings, target.is_signed)
        if place not in self._opened:
            try:
                self._opened[place] = open_stream(user, target.stream, target.params, target.surroundings)
            except ClientError as error:
                is_open = target.is_signed and isinstance(error, RefusedChoice)  # not what else the stream takes
                told: Any = error if is_open else public_error(error, user, target.stream)
                self._opened[place] = told
        found = self._opened[place]
        if isinstance(found, ClientError):
            raise found
        return found


@past_caches
def read_together(requests: Sequence[Request]) -> RequestFacts:
    """What `admit` needs to know of these."""
    return RequestFacts(requests)


@past_caches
def requested_stream(request: Request, known: RequestFacts) -> str | None:
    """The name of the stream that a request is for, as far as it names one."""
    try:
        return None if request.asked is None else known.target(request).stream
    except ClientError:
        return None


@past_caches
def authorize_request(request: Request, known: RequestFacts) -> Decision:
    """Judge what a client asks for."""
    standing = known.standing(request.identity)
    answer: AuthorizedStream | ClientError | None = None
    try:
        if request.asked is not None:
            target = known.target(request)
            with known.watch(standing.user):
                stream = known.open(standing.user, target)
                if not stream.serves(target.format):
                    raise BadParameters(f"The stream {target.stream!r} does not serve {target.format!r}.")
                check_value(standing.user, stream, target.format)
            answer = AuthorizedStream(stream, target.format, known.is_by_own_rows(standing.user, stream))
    except ClientError as error:
        answer = error
    except Exception:
        logger.exception("A subscription could not be checked.")
        answer = InternalError()
    return Decision(standing.holds, standing.seconds, answer)
