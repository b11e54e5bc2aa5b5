"""Middleware: sends anonymous users to the login page, and tells scripts of uploads where a redirect leads."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from realtime.exceptions import Forbidden


class LoginRedirectMiddleware(MiddlewareMixin):
    """Redirect anonymous users to `LOGIN_URL` on `Forbidden`, and back to the page after they log in.

    Authenticated users still get the 403.

        MIDDLEWARE = [
            ...
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "realtime.middleware.LoginRedirectMiddleware",
        ]
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        user = getattr(request, "user", None)
        if not isinstance(exception, Forbidden) or (user is not None and user.is_authenticated):
            return None
        return redirect_to_login(request.get_full_path())


class UploadMiddleware(MiddlewareMixin):
    """Name the redirect after an upload with `data-live-upload`, so that the browser follows it, and not the script.

    A script cannot stop at a redirect: it would load the page too, and the messages of `django.contrib.messages` would
    be shown to nobody.

        MIDDLEWARE = [
            "realtime.middleware.UploadMiddleware",
            ...
        ]
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        leads_on = response.status_code in (301, 302, 303) and "Location" in response
        if "X-Realtime-Upload" not in request.headers or not leads_on:
            return response
        named = HttpResponse(headers={**response.headers, "X-Realtime-Location": response["Location"]})
        for header in ("Location", "Content-Length", "Content-Encoding"):  # of the redirect and its content
            del named[header]
        named.cookies = response.cookies
        return named
