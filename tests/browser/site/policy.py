"""A strict Content-Security-Policy: no inline script, on the tests' own pages none without the nonce, and no worker
unless the request names where `workers` may come from.
"""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        request.csp_nonce = secrets.token_urlsafe(16)  # where django-csp puts it
        response = get_response(request)
        scripts = f"'nonce-{request.csp_nonce}'" if request.path == "/page/" else "'self'"
        workers = f"; worker-src {request.GET['workers']}" if "workers" in request.GET else ""
        if "eval" in request.GET:  # Alpine makes functions of what stands in attributes
            scripts += " 'self' 'unsafe-eval'"
        policy = f"default-src 'self'; script-src {scripts}; object-src 'none'{workers}"
        if "styles" in request.GET:
            policy += "; style-src 'self' 'unsafe-inline'"
        if "icons" in request.GET:
            policy += "; connect-src 'self' data:"
        if "types" in request.GET:
            policy += f"; require-trusted-types-for 'script'; trusted-types {request.GET['types']}"
        if request.path.startswith("/desk/"):
            policy += "; style-src 'self' 'unsafe-inline'"  # the admin's select2
        if request.path == "/foreign/":
            policy += "; connect-src *"
        response["Content-Security-Policy"] = policy
        return response

    return middleware
