"""Hints: what a refusal tells the developer, and the page too while DEBUG is on."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings

from realtime.exceptions import ClientError

Error = TypeVar("Error", bound=ClientError)


def explained(error: Error, hint: str) -> Error:
    """The error, with the hint in its text for logs and tracebacks; in DEBUG, in the sentence for the client too."""
    error.hint = hint
    if settings.DEBUG:
        error.reason, error.hint = f"{error.reason} {hint}", ""
    return error
