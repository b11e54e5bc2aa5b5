"""A strict Content-Security-Policy: no inline script, on the tests' own pages none without the nonce, and no workers.

A request that names `workers` may have them from there.
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
        workers = request.GET.get("workers", "'none'")
        styles = "'self' 'unsafe-inline'" if request.path.startswith("/desk/") else "'self'"  # the admin's select2
        response["Content-Security-Policy"] = (
            f"default-src 'self'; script-src {scripts}; style-src {styles}; worker-src {workers}; object-src 'none'"
        )
        return response

    return middleware
