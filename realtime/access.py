"""Access: may this user see this stream with these parameters, and as which audience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import Http404

from realtime.exceptions import BadParameters, Forbidden, StreamDefinitionError
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream


def open_stream(user: Any, name: str, params: Mapping[str, Any]) -> ModelStream:
    """The stream, bound to these parameters and the user's audience.

    Raise `UnknownStream`, `BadParameters` or `Forbidden`.
    """
    stream = registry.get(name)
    cleaned = stream.clean_params(params)
    refusal = Forbidden(f"You may not see the stream {name!r} with these parameters.")
    if not user.is_authenticated and not stream.allow_anonymous:
        raise refusal

    asked = stream(cleaned)
    try:
        if not asked.authorize(user, **cleaned):
            raise refusal
        audience = asked.audience(user, **cleaned)
    except (PermissionDenied, ObjectDoesNotExist, Http404):
        raise refusal from None
    except (ValueError, ValidationError):  # a value that the database cannot hold
        raise BadParameters(f"The parameters of the stream {name!r} have values of a wrong type.") from None
    if not isinstance(audience, str | int | UUID | None):
        raise StreamDefinitionError(
            f"audience of the stream {name!r} returned {type(audience).__name__}.",
            hint="Return a string, a number, a UUID or None, such as user.pk.",
        )
    return stream(cleaned, audience)
