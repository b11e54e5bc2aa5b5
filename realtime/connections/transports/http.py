"""HTTP: what all URLs of the HTTP transports have in common: origin, CSRF, CORS, headers."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import TooManyFieldsSent
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from realtime.auth.identity import user_key
from realtime.auth.limits import weight
from realtime.auth.origins import is_listed
from realtime.auth.sessions import is_session_key, session_store
from realtime.auth.users import visitor
from realtime.conf import limits
from realtime.connections.handshake import Handshake, check_handshake, log_refusal, look_up
from realtime.connections.transports.request import RequestTransport, go_on, parked
from realtime.exceptions import CsrfFailed, OriginRefused, Overloaded, ProtocolError, TooLarge
from realtime.hub.hub import get_hub
from realtime.protocol.codec import encode_bye, split

logger = logging.getLogger("realtime.connections")


class TransportRequest(NamedTuple):
    """A request with a valid origin and CSRF token, and the transport that answers its messages."""

    request: ASGIRequest
    transport: RequestTransport


View = Callable[[TransportRequest], Awaitable[HttpResponseBase]]
AsyncView = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]

HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx must not buffer
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT_SECONDS = 600


def endpoint(
    *methods: str, goes_on: Callable[[ASGIRequest], bool] = lambda request: False
) -> Callable[[View], AsyncView]:
    """Return a decorator that makes a view of a function, which answers a request's messages.

    If `goes_on` is true for a request, it may continue the connection that the client's previous request parked.
    Django's CSRF middleware skips the view. The check is made here, so that a refusal is a protocol message, and
    REALTIME_ALLOWED_ORIGINS applies.
    """

    def decorate(view: View) -> AsyncView:
        @transaction.non_atomic_requests  # async views cannot run in one
        @login_not_required
        @csrf_exempt
        @functools.wraps(view)
        async def handle(request: HttpRequest) -> HttpResponseBase:
            return _finish(request, await _answer(request))

        async def _answer(request: HttpRequest) -> HttpResponseBase:
            if not isinstance(request, ASGIRequest):
                return HttpResponse("This address needs an ASGI server, such as daphne.", status=501)
            if request.method == "OPTIONS":
                return _preflight(request, methods)
            if request.method not in methods:
                return HttpResponseNotAllowed([*methods, "OPTIONS"])
            try:
                handshake = _check_handshake(request)
                body = _body(request)
                messages = await _messages_of_known(request, handshake, body) if goes_on(request) else None
                transport = None if messages is None else go_on(handshake, request, messages)
                if transport is None:
                    _forget_noise(request)
                    user = await look_up(handshake, get_hub().run(_receive, request), whose=lambda user: user)
                    if messages is None:
                        messages = _messages(request, body, user, handshake.address)
                    transport = RequestTransport(request, handshake, messages)
                return await view(TransportRequest(request, transport))
            except TooManyFieldsSent:  # Django would log it with a traceback
                return _refusal(TooLarge("The query has more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS."))
            except ProtocolError as error:
                return _refusal(error)

        return handle

    return decorate


async def continued(request: ASGIRequest) -> TransportRequest | None:
    """Return a request that continues the connection which the client's previous one parked; None if there is none.

    The project's middleware need not have run. Raise `ProtocolError`, which is not logged.
    """
    handshake = _check_handshake(request, logs=False)
    messages = await _messages_of_known(request, handshake, _body(request))
    transport = None if messages is None else go_on(handshake, request, messages)
    return None if transport is None else TransportRequest(request, transport)


async def _messages_of_known(request: ASGIRequest, handshake: Handshake, body: bytes) -> list[str] | None:
    """Return the messages of a client, if its session has a parked connection; else None. Raise `ProtocolError`."""
    if (other := parked(handshake, request)) is None:
        return None
    await _prove(request)
    return _messages(request, body, other.user, handshake.address)


def headers_of(request: HttpRequest) -> list[tuple[bytes, bytes]]:
    """Return the headers of each answer to this request, for ASGI."""
    response = _finish(request, HttpResponse(content_type="application/json"))
    return [(name.lower().encode("ascii"), value.encode("latin1")) for name, value in response.items()]


def _forget_noise(request: ASGIRequest) -> None:
    """Treat a client as anonymous if no store can have created its session key, before any look-up."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key and not is_session_key(key):
        request.user = visitor()
        if (store := session_store()) is not None:
            request.session = store()


def _check_handshake(request: ASGIRequest, *, logs: bool = True) -> Handshake:
    # browsers send no origin if another site loads this URL as an image or a script
    if "Origin" not in request.headers and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        error = OriginRefused("Other sites cannot load this URL as a resource; their pages must connect to it.")
        if logs:
            log_refusal(error)
        raise error
    return check_handshake(request.scope, logs=logs)


async def _prove(request: ASGIRequest) -> None:
    """Raise `CsrfFailed`."""
    if settings.CSRF_USE_SESSIONS:  # the check reads the session
        await get_hub().run(_check_csrf, request)
    else:
        _check_csrf(request)


class _CsrfCheck(CsrfViewMiddleware):
    """Django's token check without its origin check: REALTIME_ALLOWED_ORIGINS was applied before."""

    def __init__(self) -> None:
        super().__init__(lambda request: HttpResponse())

    def _origin_verified(self, request: HttpRequest) -> bool:
        return True

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(reason)


def _receive(request: ASGIRequest) -> str | None:
    """Check the request's CSRF token; return the user's key. Raise `CsrfFailed`."""
    if request.method != "GET":
        _check_csrf(request)
    return user_key(getattr(request, "user", None))  # before the response begins: it may set a new session cookie


def _check_csrf(request: ASGIRequest) -> None:
    """Raise `CsrfFailed`. A page of a listed origin cannot know the token: being listed is enough.

    A request without cookies has no credentials that another site could abuse.
    """
    origin = request.headers.get("Origin")
    if (origin is not None and is_listed(origin)) or not request.COOKIES:
        return
    check = _CsrfCheck()
    check.process_request(request)
    refused = check.process_view(request, HttpResponse, (), {})
    if isinstance(refused, HttpResponse):
        raise CsrfFailed(
            f"{refused.content.decode()} Send the CSRF token in the header X-CSRFToken, as Django's documentation "
            "describes. For pages of other sites, add their origin to REALTIME_ALLOWED_ORIGINS."
        )


def _body(request: ASGIRequest) -> bytes:
    """Return the body, within the limit. Raise `TooLarge`."""
    if request.method == "GET":
        return b""
    most = min(limits.request_bytes, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or limits.request_bytes)
    # not `request.body`, which has no limit without a Content-Length
    body = request.read(most + 1)
    if len(body) > most:
        raise TooLarge(f"A request may have up to {most} bytes.")
    return body


def _messages(request: ASGIRequest, body: bytes, user: str | None, address: str) -> list[str]:
    """Return the messages in a body, after counting its bytes. Raise `Overloaded`, `TooLarge` or `BadMessage`."""
    now = asyncio.get_running_loop().time()
    quota = get_hub().quotas.of(user=user, address=address, now=now)
    bucket = quota.messages if quota.shared is None or address else quota.shared.messages
    if (wait := bucket.take(now, weight(len(body) + len(request.META.get("QUERY_STRING", ""))))) > 0:
        raise Overloaded(f"{quota.subject} may send {bucket.rate:g} messages per second on average.", retry=wait)
    if request.method == "GET":
        return []
    return split(body, max_bytes=limits.request_bytes, max_messages=limits.request_messages)


def _refusal(error: ProtocolError) -> HttpResponse:
    status = 403 if isinstance(error, OriginRefused | CsrfFailed) else 400
    bye = encode_bye(error).text
    return HttpResponse(f"[{bye}]", status=status, content_type="application/json")


def _preflight(request: ASGIRequest, methods: tuple[str, ...]) -> HttpResponse:
    try:
        _check_handshake(request)
    except OriginRefused as error:
        return _refusal(error)
    headers = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": "Content-Type, X-CSRFToken, Authorization",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return HttpResponse(status=204, headers=headers)


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in HEADERS.items():
        response.headers[name] = value
    patch_vary_headers(response, ["Origin", "Cookie"])
    origin = request.headers.get("Origin")
    if origin is not None and is_listed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    # compressing middleware would delay messages
    request.META["HTTP_ACCEPT_ENCODING"] = "identity"
    return response
