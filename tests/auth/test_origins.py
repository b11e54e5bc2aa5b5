"""Origins: a site's own pages may connect, and those of listed sites."""

from __future__ import annotations

import pytest

from realtime.auth.origins import check_origin
from realtime.exceptions import OriginRefused


def allowed(origin, host="example.com", forwarded_host=None):
    try:
        check_origin(origin=origin, host=host, forwarded_host=forwarded_host)
    except OriginRefused:
        return False
    return True


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["example.com", ".example.org", "[::1]"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "example.com"),  # not a browser
        (None, None),
        ("https://example.com", "example.com"),
        ("http://example.com", "example.com:80"),
        ("https://example.com:443", "example.com"),
        ("https://EXAMPLE.com", "example.COM"),
        ("http://example.com:8000", "example.com:8000"),
        ("https://www.example.org", "www.example.org"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_own_pages_connect(origin, host):
    assert allowed(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.com", "example.com"),
        ("https://example.com.evil.com", "example.com"),
        ("https://evil.com/example.com", "example.com"),
        ("https://example.com@evil.com", "example.com"),
        ("https://evil.com@example.com", "example.com"),
        ("http://example.com:8000", "example.com"),
        ("http://example.com", "example.com:8000"),
        ("https://example.com:80", "example.com"),
        ("null", "example.com"),
        ("", "example.com"),
        ("https://", "example.com"),
        ("file://", "example.com"),
        ("ftp://example.com", "example.com"),
        ("https://[", "example.com"),
        ("https://example.com", None),
        ("https://example.com", ""),
        ("https://evil.com", "evil.com"),  # an attacker's domain that resolves to this server
        ("chrome-extension://example.com", "example.com"),
    ],
)
def test_pages_of_other_sites_are_refused(origin, host):
    assert not allowed(origin, host)


def test_listed_sites_connect(settings):
    settings.REALTIME_ALLOWED_ORIGINS = ["https://app.example.net/", "http://localhost:3000"]
    assert allowed("https://app.example.net")
    assert allowed("HTTP://localhost:3000")
    assert not allowed("http://app.example.net")
    assert not allowed("https://app.example.net:8443")


def test_forwarded_host_counts_if_django_uses_it(settings):
    assert not allowed("https://example.com", "internal:8000", "example.com")
    settings.USE_X_FORWARDED_HOST = True
    assert allowed("https://example.com", "internal:8000", "example.com")
    assert not allowed("https://internal:8000", "internal:8000", "example.com")


def test_development_needs_no_allowed_hosts(settings):
    settings.ALLOWED_HOSTS = []
    assert not allowed("http://localhost:8000", "localhost:8000")
    settings.DEBUG = True
    assert allowed("http://localhost:8000", "localhost:8000")
    assert allowed("http://127.0.0.1:8000", "127.0.0.1:8000")
    assert not allowed("http://evil.com", "evil.com")


def test_refusal_names_the_origin_the_rule_and_the_remedy():
    with pytest.raises(OriginRefused) as refused:
        check_origin(origin="https://evil.com" + "x" * 500, host="example.com")
    assert refused.value.reason == (
        f"Pages of https://evil.com{'x' * 184} may not connect to this server. Add their host to ALLOWED_HOSTS or, "
        "for another site, their origin to REALTIME_ALLOWED_ORIGINS."
    )
