"""A strict Content-Security-Policy: no inline script, and on the tests' own pages none without the nonce."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        request.csp_nonce = secrets.token_urlsafe(16)  # where django-csp puts it
        response = get_response(request)
        scripts = f"'nonce-{request.csp_nonce}'" if request.path == "/page/" else "'self'"
        policy = f"default-src 'self'; script-src {scripts}; object-src 'none'"
        if request.path == "/foreign/":
            policy += "; connect-src *"
        response["Content-Security-Policy"] = policy
        return response

    return middleware
