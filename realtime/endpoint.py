"""Endpoint: what each address of the HTTP transports does beside its own work: origin, CSRF, CORS, headers."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from realtime.exceptions import CsrfFailed, OriginRefused, ProtocolError, TooLarge
from realtime.hub import get_hub
from realtime.identity import user_key
from realtime.origins import is_listed
from realtime.protocol.codec import encode_bye, split
from realtime.reception import Arrival, arrive

logger = logging.getLogger("realtime.connections")


class Asked(NamedTuple):
    """A request whose origin and CSRF token are good, and the messages in its body."""

    request: ASGIRequest
    arrival: Arrival
    messages: list[str]


View = Callable[[Asked], Awaitable[HttpResponseBase]]
AsyncView = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]

HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx passes on at once what comes
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT_SECONDS = 600


def endpoint(*methods: str) -> Callable[[View], AsyncView]:
    """Make a view of a function that answers the messages of a request by one of these methods.

    Django's own CSRF middleware leaves it alone: its check is made here, where a refusal is a message of the protocol
    and the origins of REALTIME_ALLOWED_ORIGINS count.
    """

    def decorate(view: View) -> AsyncView:
        @transaction.non_atomic_requests  # which async views cannot have
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
                arrival = _arrive(request)
                await get_hub().run(_receive, request)
                return await view(Asked(request, arrival, _messages(request)))
            except ProtocolError as error:
                return _refusal(error)

        return handle

    return decorate


def _arrive(request: ASGIRequest) -> Arrival:
    try:
        # a browser names no origin where another site loads this address as a picture or a script
        if "Origin" not in request.headers and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise OriginRefused("Other sites may not load this address; their pages connect to it.")
        return arrive(request.scope)
    except OriginRefused as error:
        fields = {"code": error.code.name.lower()}
        logger.warning("Refused: %s", error, extra=fields)  # which a page of another site is not shown
        raise


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check of the token alone; the origin has been judged by REALTIME_ALLOWED_ORIGINS."""

    def __init__(self) -> None:
        super().__init__(lambda request: HttpResponse())

    def _origin_verified(self, request: HttpRequest) -> bool:
        return True

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(reason)


def _receive(request: ASGIRequest) -> None:
    """Look at who asks, and with what proof. Raise `CsrfFailed`."""
    if request.method != "GET":
        _check_csrf(request)
    user_key(getattr(request, "user", None))  # before the response begins: it may bring a new session cookie


def _check_csrf(request: ASGIRequest) -> None:
    """Raise `CsrfFailed`. A page of a listed origin cannot know the token: the list vouches for it.

    A request without cookies carries nothing that another site could abuse.
    """
    origin = request.headers.get("Origin")
    if (origin is not None and is_listed(origin)) or not request.COOKIES:
        return
    check = _CsrfCheck()
    check.process_request(request)
    refused = check.process_view(request, HttpResponse, (), {})
    if isinstance(refused, HttpResponse):
        raise CsrfFailed(
            f"{refused.content.decode()} Send the cookie's token in the header X-CSRFToken, as Django's documentation "
            "says, with CsrfViewMiddleware in MIDDLEWARE; pages of other sites are listed in REALTIME_ALLOWED_ORIGINS."
        )


def _messages(request: ASGIRequest) -> list[str]:
    if request.method == "GET":
        return []
    try:
        return split(request.body)
    except RequestDataTooBig:
        raise TooLarge("The request is larger than DATA_UPLOAD_MAX_MEMORY_SIZE.") from None


def _refusal(error: ProtocolError) -> HttpResponse:
    status = 403 if isinstance(error, OriginRefused | CsrfFailed) else 400
    bye = encode_bye(error).text
    return HttpResponse(f"[{bye}]", status=status, content_type="application/json")


def _preflight(request: ASGIRequest, methods: tuple[str, ...]) -> HttpResponse:
    try:
        _arrive(request)
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
    # middleware that compresses would hold back what is to travel at once
    request.META["HTTP_ACCEPT_ENCODING"] = "identity"
    return response
