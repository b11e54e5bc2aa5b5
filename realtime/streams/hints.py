"""Hints: the explanation of a refusal for the developer. With DEBUG, the page shows it too."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings

from realtime.exceptions import ClientError

Error = TypeVar("Error", bound=ClientError)


def with_hint(error: Error, hint: str) -> Error:
    """Add the hint to the error's text, for logs and tracebacks; with DEBUG, to the client's sentence too."""
    error.hint = hint
    if settings.DEBUG:
        error.reason, error.hint = f"{error.reason} {hint}", ""
    return error
