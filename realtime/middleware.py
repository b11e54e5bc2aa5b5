"""Middleware: redirects anonymous users to the login page if a page shows a stream that they may not see."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
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
