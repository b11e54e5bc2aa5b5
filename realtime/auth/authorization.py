"""Authorization: whether a user may see a stream, and as which audience. Clients' requests are checked in batches."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from decimal import InvalidOperation
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings as django_settings
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404

from realtime.auth import tokens
from realtime.auth.identity import Identity, Standing, current, user_key
from realtime.auth.own_rows import OwnRows, own_columns
from realtime.auth.recorded_reads import Read, RecordedReads, RepeatedReads
from realtime.auth.sessions import Logins
from realtime.auth.users import described, visitor
from realtime.changelog.caches import bypass_caches
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
from realtime.streams.hints import with_hint
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE, Surroundings
from realtime.streams.validation import problems
from realtime.streams.window import take_window

logger = logging.getLogger("realtime.connections")

NOT_VISIBLE = "You do not have permission to view the stream %(stream)r with these parameters."
SERVED_WITH = {
    "data": "Set `fields` or `serializer_class` in its class.",
    "html": "Set `template_name` in its class.",
    "pages": "Set `paginate_by` in its class.",
    "value": "Live values are methods with @live_value.",
}


class StreamForbidden(Forbidden, PermissionDenied):
    """`Forbidden` that is also Django's `PermissionDenied`: a page that raises it gets the response 403."""


@bypass_caches
def open_stream(user: Any, name: str, params: Mapping[str, Any], surroundings: Surroundings = SITE) -> ModelStream:
    """Return the stream, bound to these parameters, the user's audience and the surroundings of its rows.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    stream = registry.get(name)
    if not user.is_authenticated and not stream.allow_anonymous:
        raise _refusal(stream, f"Nobody is logged in, and {stream.__name__} does not set `allow_anonymous`.")
    window, given = take_window(stream, params)
    cleaned = stream.clean_params(given)

    candidate = stream(cleaned)
    try:
        allowed = candidate.authorize(user, **cleaned)
        audience = candidate.audience(user, **cleaned) if allowed else None
    except (PermissionDenied, ObjectDoesNotExist, Http404) as error:
        raise _refusal(stream, f"Its authorize() or audience() has raised {type(error).__qualname__}.") from None
    except ValidationError as error:
        raise refused_choice(name, error) from None
    except (ValueError, OverflowError, InvalidOperation):  # a value that the database cannot hold
        raise BadParameters(f"The parameters of the stream {name!r} have values of the wrong type.") from None
    if not allowed:
        raise _refusal(stream, _why(stream, user))
    if not isinstance(audience, str | int | UUID | None):
        raise StreamDefinitionError(
            f"audience of the stream {name!r} returned {type(audience).__name__}.",
            hint="Return a string, a number, a UUID or None, such as user.pk.",
        )
    return stream(cleaned, audience, surroundings, window)


def check_format(stream: ModelStream, format: str) -> None:
    """Raise `BadParameters` if the stream does not serve the format."""
    if not stream.serves(format):
        error = BadParameters(f"The stream {stream.name!r} does not serve {format!r}.")
        raise with_hint(error, SERVED_WITH.get(format.partition(":")[0], SERVED_WITH["data"]))


def check_value(user: Any, stream: ModelStream, format: str) -> None:
    """Raise `Forbidden` if the format is a live value whose permission the user does not have."""
    kind, _, name = format.partition(":")
    permission = stream.values()[name]["permission"] if kind == "value" else None
    if permission and not user.has_perm(permission):
        hint = f"The live value {name!r} needs the permission {permission!r}."
        raise with_hint(
            StreamForbidden(
                "You do not have permission to view this value of the stream %(stream)r.", stream=stream.name
            ),
            hint,
        )


def public_error(error: Exception, user: Any, name: str) -> Exception:
    """Return the error that a client gets for an error of `open_stream`.

    An anonymous client must not learn which streams exist, and which parameters they take. With DEBUG, it may.
    """
    if django_settings.DEBUG or user.is_authenticated:
        return error
    if isinstance(error, UnknownStream):
        return Forbidden(NOT_VISIBLE, stream=name)
    if isinstance(error, BadParameters):
        return BadParameters(f"The parameters of the stream {name!r} do not match its signature.")
    return error


def _refusal(stream: type[ModelStream], hint: str) -> StreamForbidden:
    return with_hint(StreamForbidden(NOT_VISIBLE, stream=stream.name), hint)


def _why(stream: type[ModelStream], user: Any) -> str:
    who = described(user)
    if stream.authorize is not ModelStream.authorize:
        return f"{stream.__name__}.authorize() refused {who}."
    meta = stream.model._meta
    permission = f"{meta.app_label}.{get_permission_codename('view', meta)}"
    return (
        f"{who[0].upper()}{who[1:]} lacks the permission {permission!r}, which decides because {stream.__name__} "
        "has no authorize() of its own."
    )


class AuthorizedStream(NamedTuple):
    """A stream that a client may see, bound to its parameters and the client's audience."""

    stream: ModelStream
    format: str
    fingerprint: str
    """The stream's `format_fingerprint()`: a project's code, which may read the database, so not on the loop."""
    by_own_rows: bool = False
    """Whether the check has read only the user's own rows of the models that access depends on."""
    reads: tuple[Read, ...] | None = None
    """What the check has read, if the answer depends on nothing else."""

    def continues(self, fingerprint: str) -> bool:
        """Return whether a delta may build on rows with this fingerprint, or on rows without one."""
        if fingerprint:
            return split_fingerprint(fingerprint)[0] == self.fingerprint
        return self.stream.audience_key is None and not any(self.stream.surroundings)

    def shares(self, other: AuthorizedStream) -> bool:
        """Return whether both see the same rows, if the stream and its parameters are the same."""
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
    """The answer to a request, None if it asks for no stream; `holds` and `seconds` are those of the `Standing`.

    If the answer `stands`, what it depends on has not changed, and the user was not read again.
    """

    holds: bool
    seconds: float | None
    answer: AuthorizedStream | ClientError | None
    stands: bool = False


class Request(NamedTuple):
    """A client's request: `wanted` is a new subscription, a stream to authorize again, or None for its user.

    With `only_rows`, rows of models that access depends on have changed, but nothing about the user.
    """

    identity: Identity
    wanted: Subscribe | AuthorizedStream | None
    only_rows: bool = False

    @property
    def reads(self) -> tuple[Read, ...] | None:
        """The reads that decide whether the stream must be authorized again at all."""
        return self.wanted.reads if self.only_rows and isinstance(self.wanted, AuthorizedStream) else None


class Target(NamedTuple):
    """The stream that a request is for."""

    stream: str
    params: Mapping[str, Any]
    format: str
    surroundings: Surroundings
    is_signed: bool = False  # by a page's token


class RequestFacts:
    """Facts about a batch of requests: who the clients are, and which user may see what."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._logins = Logins(
            request.identity.session
            for request in requests
            if request.identity.session is not None and request.reads is None
        )
        self._standings: dict[Identity, Standing] = {}
        self._opened: dict[tuple[int, str, str, Surroundings, bool], ModelStream | ClientError] = {}
        self._targets: dict[int, Target] = {}  # by the `id` of the request, which lives as long as this object
        self._own_rows: dict[int, OwnRows] = {}  # by the `id` of the user
        self._reads: dict[int, RecordedReads] = {}  # likewise
        self._repeated = RepeatedReads(read for request in requests for read in request.reads or ())
        streams: Iterable[Any] = registry
        self._watches = any(map(own_columns, streams))
        self._records = any(map(ground_tables, streams))
        self._visitor = visitor()  # one for all, because visitors do not differ

    def standing(self, identity: Identity) -> Standing:
        """Return the current user of an identity."""
        if identity not in self._standings:
            standing = current(identity, self._logins)
            user = standing.user if standing.user.is_authenticated else self._visitor
            self._standings[identity] = standing._replace(user=user)
        return self._standings[identity]

    def target(self, request: Request) -> Target:
        """Return what a request asks for. Raise `ClientError` if its token is invalid."""
        if id(request) not in self._targets:
            self._targets[id(request)] = self._target(request)
        return self._targets[id(request)]

    def _target(self, request: Request) -> Target:
        wanted: Any = request.wanted
        if isinstance(wanted, AuthorizedStream):
            return Target(wanted.stream.name, wanted.stream.wire_params(), wanted.format, wanted.stream.surroundings)
        if wanted.token is not None:
            user = user_key(self.standing(request.identity).user)
            token = tokens.read(wanted.token, user=user, max_age=settings.TOKEN_SECONDS)
            # parameters that are not in the token are authorized like those of a script
            return Target(token.stream, {**token.params, **wanted.params}, token.format, token.surroundings, True)
        return Target(wanted.stream or "", dict(wanted.params), wanted.format, request.identity.surroundings)

    @contextmanager
    def watch(self, user: Any) -> Iterator[None]:
        """Watch the statements that check this user's access, if they can prove anything."""
        key = user_key(user) if self._watches else None
        own_rows = nullcontext() if key is None else self._own_rows.setdefault(id(user), OwnRows(key)).watch()
        reads = self._reads.setdefault(id(user), RecordedReads()).watch() if self._records else nullcontext()
        with own_rows, reads:
            yield

    def reads(self, user: Any, stream: ModelStream) -> tuple[Read, ...] | None:
        """Return what this user's checks have read, if access to the stream depends on nothing else."""
        kind: Any = type(stream)
        tables, recorded = ground_tables(kind), self._reads.get(id(user))
        return recorded.reads(tables) if tables and recorded is not None else None

    def stands(self, request: Request) -> bool:
        """Return whether the last answer is certain to be right still, because it has read the same."""
        return request.reads is not None and self._repeated.are_same(request.reads)

    def is_under_way(self, request: Request) -> bool:
        """Return whether one of these reads is being sent again, together with others. Any thread may ask."""
        return request.reads is not None and self._repeated.are_under_way(request.reads)

    def is_by_own_rows(self, user: Any, stream: ModelStream) -> bool:
        """Return whether this user's statements prove that no other user's rows affect access to the stream."""
        kind: Any = type(stream)
        columns, rows = own_columns(kind), self._own_rows.get(id(user))
        return columns is not None and rows is not None and rows.prove(columns)

    def open(self, user: Any, target: Target) -> ModelStream:
        """Return the stream as this user may see it; connections of one user share the check. Raise `ClientError`."""
        params = repr(sorted(target.params.items()))
        key = (id(user), target.stream, params, target.surroundings, target.is_signed)
        if key not in self._opened:
            try:
                self._opened[key] = open_stream(user, target.stream, target.params, target.surroundings)
            except ClientError as error:
                is_open = target.is_signed and isinstance(error, RefusedChoice)  # names no parameter
                public: Any = error if is_open else public_error(error, user, target.stream)
                self._opened[key] = public
        found = self._opened[key]
        if isinstance(found, ClientError):
            raise found
        return found


@cache
def ground_tables(stream: Any) -> frozenset[str]:
    """Return the tables that access to the stream depends on."""
    if any(problems(stream)):
        return frozenset()
    return frozenset(model._meta.db_table for model, _ in stream.authorize_grounds())


@bypass_caches
def read_facts(requests: Sequence[Request]) -> RequestFacts:
    """Read what `authorize_request` needs for these requests."""
    return RequestFacts(requests)


def is_under_way(request: Request, known: RequestFacts) -> bool:
    """Return whether the current statement also answers this request."""
    return known.is_under_way(request)


@bypass_caches
def requested_stream(request: Request, known: RequestFacts) -> str | None:
    """Return the name of the stream that a request is for, or None."""
    try:
        return None if request.wanted is None else known.target(request).stream
    except ClientError:
        return None


@bypass_caches
def authorize_request(request: Request, known: RequestFacts) -> Decision:
    """Decide about a client's request."""
    if isinstance(request.wanted, AuthorizedStream) and known.stands(request):
        return Decision(True, None, request.wanted, stands=True)
    standing = known.standing(request.identity)
    answer: AuthorizedStream | ClientError | None = None
    try:
        if request.wanted is not None:
            target = known.target(request)
            with known.watch(standing.user):
                stream = known.open(standing.user, target)
                check_format(stream, target.format)
                check_value(standing.user, stream, target.format)
            by_own_rows = known.is_by_own_rows(standing.user, stream)
            reads = known.reads(standing.user, stream)
            fingerprint = stream.format_fingerprint(target.format)
            answer = AuthorizedStream(stream, target.format, fingerprint, by_own_rows, reads)
    except ClientError as error:
        answer = error
    except Exception:
        logger.exception("A subscription could not be checked.")
        answer = InternalError()
    return Decision(standing.holds, standing.seconds, answer)
