"""Access: may this user see this stream with these parameters, and as which audience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404
from django.http.request import split_domain_port, validate_host

from realtime.conf import settings
from realtime.exceptions import BadParameters, Forbidden, OriginRefused, StreamDefinitionError
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def current_user(user_pk: str | None) -> Any:
    """The user as the database knows them now; one who is gone or not active is anonymous."""
    if user_pk is None:
        return AnonymousUser()
    model = get_user_model()
    try:
        user = model._default_manager.get(pk=user_pk)
    except (ObjectDoesNotExist, ValidationError, ValueError):
        return AnonymousUser()
    return user if user.is_active else AnonymousUser()


def user_key(user: Any) -> str | None:
    """The user's primary key as text; None for a visitor who is not logged in."""
    return str(user.pk) if getattr(user, "is_authenticated", False) else None


def open_stream(user: Any, name: str, params: Mapping[str, Any]) -> ModelStream:
    """The stream, bound to these parameters and the user's audience.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    stream = registry.get(name)
    cleaned = stream.clean_params(params)
    refusal = Forbidden(f"You may not see the stream {name!r} with these parameters.")
    if not user.is_authenticated and not stream.allow_anonymous:
        raise refusal

    asked = stream(cleaned)
    try:
        if not asked.authorize(user, **cleaned):
            raise refusal
        audience = asked.audience(user, **cleaned)
    except (PermissionDenied, ObjectDoesNotExist, Http404):
        raise refusal from None
    except (ValueError, ValidationError):  # a value that the database cannot hold
        raise BadParameters(f"The parameters of the stream {name!r} have values of a wrong type.") from None
    if not isinstance(audience, str | int | None):
        raise StreamDefinitionError(
            f"audience of the stream {name!r} returned {type(audience).__name__}.",
            hint="Return a string, a number or None, such as user.pk.",
        )
    return stream(cleaned, audience)


def check_origin(*, origin: str | None, host: str | None, forwarded_host: str | None = None) -> None:
    """Whether a page of this origin may connect. Raise `OriginRefused`.

    Browsers name the origin in every WebSocket handshake, so that a site can refuse pages of other sites, which would
    act with its users' cookies (RFC 6455, 10.2). A client without an origin is no browser and carries no such danger.
    """
    if origin is None or origin.lower() in {allowed.lower().rstrip("/") for allowed in settings.ALLOWED_ORIGINS}:
        return
    host = forwarded_host if django_settings.USE_X_FORWARDED_HOST and forwarded_host else host
    allowed_hosts = django_settings.ALLOWED_HOSTS
    if django_settings.DEBUG and not allowed_hosts:
        allowed_hosts = [".localhost", "127.0.0.1", "[::1]"]  # as Django's own requests do
    own = _authority(origin)
    # the host is checked too: with a name of the attacker's that leads here, origin and host would agree
    if (
        own
        and host
        and own == _strip_port(host.lower(), origin)
        and validate_host(split_domain_port(host)[0], allowed_hosts)
    ):
        return
    raise OriginRefused(
        f"Pages of {origin[:200]} may not connect to this server. Its own pages may, if ALLOWED_HOSTS has their host; "
        "others are listed in REALTIME_ALLOWED_ORIGINS."
    )


def _authority(origin: str) -> str:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return _strip_port(parts.netloc, origin) if parts.scheme in _DEFAULT_PORTS else ""


def _strip_port(authority: str, origin: str) -> str:
    return authority.removesuffix(_DEFAULT_PORTS.get(origin.lower().partition(":")[0], ""))
