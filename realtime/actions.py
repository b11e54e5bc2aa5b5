"""Actions: one call of a stream's method, from the client's arguments to the reply."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from asgiref.sync import async_to_sync
from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404

from realtime.access import open_stream
from realtime.exceptions import Forbidden, InternalError, InvalidArguments, NotFound, Refusal, UnknownAction
from realtime.identity import Identity, current
from realtime.protocol.codec import encode_value
from realtime.protocol.messages import Call, Failure, Reply
from realtime.queries.rendering import plain
from realtime.streams.signatures import signature
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime")


def perform(identity: Identity, call: Call) -> Reply:
    """Run a client's call as this user; return the reply, whatever happened."""
    try:
        return Reply(id=call.id, result=msgspec.Raw(_run(identity, call)))
    except InvalidArguments as error:
        details = {name: list(sentences) for name, sentences in error.details.items()}
        return Reply(id=call.id, error=Failure(error.code, error.reason, details or msgspec.UNSET))
    except Refusal as error:
        return Reply(id=call.id, error=Failure(error.code, error.reason))
    except Exception:
        logger.exception("The action %s of the stream %s failed.", call.action, call.stream)
        failure = InternalError()
        return Reply(id=call.id, error=Failure(failure.code, failure.reason))


def _run(identity: Identity, call: Call) -> bytes:
    user = current(identity).user
    stream = open_stream(user, call.stream, call.params)
    options = stream.actions().get(call.action)
    if options is None:
        allowed = ", ".join(stream.actions()) or "none"
        raise UnknownAction(f"The stream {call.stream!r} has no action {call.action!r}; it has: {allowed}.")
    if options["permission"] and not user.has_perm(options["permission"]):
        raise Forbidden(f"You may not call the action {call.action!r}.")

    method = getattr(stream, call.action)
    args = _convert(type(stream), call.action, call.args)
    try:
        with transaction.atomic(using=stream.database()):
            result = (
                async_to_sync(method)(user, **args) if inspect.iscoroutinefunction(method) else method(user, **args)
            )
            # encoded inside, so that a result which cannot be sent has no effect either
            return encode_value(result, default=plain)
    except PermissionDenied as error:
        raise Forbidden(str(error) or f"You may not call the action {call.action!r}.") from error
    except (ObjectDoesNotExist, Http404) as error:
        raise NotFound("What this call is about does not exist (any more).") from error
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidArguments:
    if hasattr(error, "error_dict"):
        details = {
            ("" if name == NON_FIELD_ERRORS else name): list(texts) for name, texts in error.message_dict.items()
        }
        return InvalidArguments(" ".join(text for texts in details.values() for text in texts), details=details)
    return InvalidArguments(" ".join(error.messages))


def _convert(stream: type[ModelStream], action: str, given: Mapping[str, Any]) -> dict[str, Any]:
    method = getattr(stream, action)
    parameters, hints = signature(method, skip=2)
    own = list(inspect.signature(method).parameters)[:2]  # self and user, which a client does not give
    details: dict[str, list[str]] = {}
    args: dict[str, Any] = {}
    any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, value in given.items():
        if name in own or (name not in parameters and not any_name):
            details[name] = [f"The action {action!r} has no such argument."]
            continue
        try:
            args[name] = msgspec.convert(value, hints[name], strict=False) if name in hints else value
        except msgspec.ValidationError as error:
            details[name] = [f"{error}."]
    for name, parameter in parameters.items():
        named = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        if named and parameter.default is inspect.Parameter.empty and name not in given:
            details[name] = ["This argument is required."]
    if details:
        sentences = " ".join(f"{name}: {' '.join(texts)}" for name, texts in details.items())
        raise InvalidArguments(f"The arguments of {action!r} are wrong. {sentences}", details=details)
    return args
