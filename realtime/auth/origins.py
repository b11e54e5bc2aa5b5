"""Origins: which sites' pages may connect."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from django.conf import settings as django_settings
from django.http.request import split_domain_port, validate_host

from realtime.conf import settings
from realtime.exceptions import OriginRefused

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_origin(*, origin: str | None, host: str | None, forwarded_host: str | None = None) -> None:
    """Raise `OriginRefused` unless a page of this origin may connect.

    Browsers send the origin in every WebSocket handshake, so that a site can refuse pages of other sites, which would
    act with its users' cookies (RFC 6455, 10.2). A client without an origin is not a browser, and poses no such risk.
    """
    if origin is None or is_listed(origin):
        return
    host = forwarded_host if django_settings.USE_X_FORWARDED_HOST and forwarded_host else host
    allowed_hosts = django_settings.ALLOWED_HOSTS
    if django_settings.DEBUG and not allowed_hosts:
        allowed_hosts = [".localhost", "127.0.0.1", "[::1]"]  # as Django's own requests do
    own = _authority(origin)
    # the host is checked too: an attacker's domain that resolves to this server would be both origin and host
    if (
        own
        and host
        and own == _strip_port(host.lower(), origin)
        and validate_host(split_domain_port(host)[0], allowed_hosts)
    ):
        return
    raise OriginRefused(
        f"Pages of {origin[:200]} may not connect to this server. Add their host to ALLOWED_HOSTS or, for another "
        "site, their origin to REALTIME_ALLOWED_ORIGINS."
    )


def is_listed(origin: str) -> bool:
    """Return whether REALTIME_ALLOWED_ORIGINS contains this origin."""
    return origin.lower() in {allowed.lower().rstrip("/") for allowed in settings.ALLOWED_ORIGINS}


def split_http_url(url: str) -> SplitResult | None:
    """Return the parts of an http or https URL; None for other texts, and for a port that cannot be one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises an error if it is not a port
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS else None


def _authority(origin: str) -> str:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return _strip_port(parts.netloc, origin) if parts.scheme in _DEFAULT_PORTS else ""


def _strip_port(authority: str, origin: str) -> str:
    return authority.removesuffix(_DEFAULT_PORTS.get(origin.lower().partition(":")[0], ""))
