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
        styles = "'self' 'unsafe-inline'" if request.path.startswith("/desk/") else "'self'"  # the admin's select2
        policy = f"default-src 'self'; script-src {scripts}; style-src {styles}; object-src 'none'{workers}"
        if request.path == "/foreign/":
            policy += "; connect-src *"
        response["Content-Security-Policy"] = policy
        return response

    return middleware
