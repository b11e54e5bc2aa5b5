"""Events: validates events from clients, and creates events for Python code."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from copy import copy
from typing import Any

import msgspec
from asgiref.sync import async_to_sync
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404
from django.utils.functional import SimpleLazyObject

from realtime.actions.arguments import convert_arguments
from realtime.auth.identity import Identity, current, user_key
from realtime.exceptions import (
    ClientError,
    EventTooLarge,
    Forbidden,
    InternalError,
    InvalidArguments,
    RealtimeError,
    UnknownEvent,
)
from realtime.protocol.codec import encode_value
from realtime.protocol.envelope import MAX_EVENT_BYTES, Envelope, audience_text
from realtime.protocol.messages import Send
from realtime.streams.decorators import signature
from realtime.streams.presence import PresenceStream
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.actions")

MAX_PRESENCE_BYTES = 1024  # of presence data as JSON

EVERYONE = object()  # stands for all audiences


def check_event(identity: Identity, stream: ModelStream, message: Send) -> Envelope | ClientError:
    """Return the event of a client that may see this stream, or its refusal. Its method may use the database."""
    try:
        with identity.surroundings.applied():
            payload = _allowed(identity, stream, message)
        data = _encode(message.name, payload)
    except ClientError as error:
        return error
    except (PermissionDenied, ObjectDoesNotExist, Http404) as error:
        return Forbidden(
            (isinstance(error, PermissionDenied) and str(error)) or "You do not have permission to send this event."
        )
    except ValidationError as error:
        return InvalidArguments(" ".join(error.messages))
    except Exception:
        fields = {"stream": stream.name, "event": message.name}
        logger.exception("The event %s of the stream %s failed.", message.name, stream.name, extra=fields)
        return InternalError()
    return _envelope(stream, message.name, data, audience_text(stream.audience_key), identity.user)


def _allowed(identity: Identity, stream: ModelStream, message: Send) -> Any:
    names = stream.events()
    if message.name not in names:
        allowed = ", ".join(names) or "none"
        raise UnknownEvent(f"Clients cannot send {message.name!r} to {stream.name!r}; they can send: {allowed}.")
    method = getattr(stream, message.name)
    given = message.data or {}
    if not isinstance(given, dict):
        raise InvalidArguments(f"The data of the event {message.name!r} must be an object with named values.")
    function = getattr(type(stream), message.name)
    values = {**_defaults(function), **convert_arguments(function, given, kind="event")}

    if inspect.iscoroutinefunction(method):
        answer = async_to_sync(method)(current(identity).user, **values)
    else:  # the user is only loaded if the method uses it
        answer = method(SimpleLazyObject(lambda: current(identity).user), **values)
    return values if answer is None else answer


def presence_refusal(identity: Identity, stream: ModelStream, data: dict[str, Any]) -> ClientError | None:
    """Return the refusal of a client's presence data, or None. It does not use the database."""
    if not isinstance(stream, PresenceStream):
        return Forbidden(f"The stream {stream.name!r} has no presence; subscribe to a presence stream.")
    if identity.user is None:
        return Forbidden("Only authenticated users can be present.")
    if (size := len(encode_value(data))) > MAX_PRESENCE_BYTES:
        return EventTooLarge(f"Presence data may have up to {MAX_PRESENCE_BYTES} bytes; this has {size}.")
    return None


def _defaults(method: Any) -> dict[str, Any]:
    """Return what an event has if its sender leaves it out; each event gets its own list."""
    parameters = signature(method, skip=2).parameters
    return {
        name: copy(each.default) for name, each in parameters.items() if each.default is not inspect.Parameter.empty
    }


def event_for(
    stream: str, params: Mapping[str, Any] | None, name: str, data: object, *, audience: object = EVERYONE
) -> Envelope:
    """Return an event for a live query. Raise `UnknownStream`, `BadParameters` or `EventTooLarge`."""
    given = {key: value.pk if isinstance(value, Model) else value for key, value in (params or {}).items()}
    cls = registry.get(stream)
    narrowed = None if audience is EVERYONE else audience_text(audience)
    return _envelope(cls(cls.clean_params(given)), name, _encode(name, data), narrowed)


def user_event(user: object, name: str, data: object) -> Envelope:
    """Return an event for a user, or a user's primary key. Raise `EventTooLarge`."""
    key = user_key(user) if hasattr(user, "is_authenticated") else str(user)
    if key is None:
        raise RealtimeError("An event cannot be sent to a visitor who is not logged in.")
    return Envelope(name=name, data=_encode(name, data), user=key)


def _envelope(
    stream: ModelStream,
    name: str,
    data: msgspec.Raw,
    audience: tuple[str, str] | None,
    sender: str | msgspec.UnsetType | None = msgspec.UNSET,
) -> Envelope:
    params = stream.params_key().decode()
    return Envelope(name=name, data=data, stream=stream.name, params=params, audience=audience, sender=sender)


def _encode(name: str, data: object) -> msgspec.Raw:
    encoded = encode_value(data, default=str)
    if len(encoded) > MAX_EVENT_BYTES:
        raise EventTooLarge(
            f"The data of an event may have up to {MAX_EVENT_BYTES} bytes; {name!r} has {len(encoded)}."
        )
    return msgspec.Raw(encoded)
