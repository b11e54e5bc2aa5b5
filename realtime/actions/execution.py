"""Execution: runs one call of a stream's method, from the client's arguments to the reply."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from asgiref.sync import async_to_sync
from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DatabaseError
from django.http import Http404

from realtime.actions import forms
from realtime.actions.arguments import convert_arguments
from realtime.actions.deadline import Deadline
from realtime.auth.authorization import open_stream, public_error
from realtime.auth.identity import Identity, current
from realtime.auth.sentences import localized_reason
from realtime.auth.users import described
from realtime.changelog import idempotency
from realtime.conf import limits
from realtime.exceptions import (
    ClientError,
    Forbidden,
    InternalError,
    InvalidArguments,
    NotFound,
    Refusal,
    UnknownAction,
)
from realtime.protocol.codec import encode_value
from realtime.protocol.messages import Call, Failure, Reply
from realtime.queries.rendering import plain
from realtime.streams.decorators import ACTION
from realtime.streams.hints import with_hint
from realtime.streams.registry import registry
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE, Surroundings

logger = logging.getLogger("realtime.actions")


NOT_ALLOWED = "You do not have permission to call the action %(action)r."
MAX_TRIES = 5  # of a transaction that conflicts with others


def operation_key(identity: Identity, id: str) -> str:
    """Return the database key of a client's call: its id is unique for each user or anonymous session."""
    return idempotency.digest(identity.owner, id)


def operation_content(call: Call) -> str:
    """Return a digest of a call's action and arguments."""
    parts = (call.stream, call.action, call.params, call.args)
    return idempotency.digest(msgspec.json.encode(parts, order="deterministic"))


def perform(identity: Identity, call: Call, deadline: Deadline | None = None) -> Reply:
    """Run a client's call as this user, unless it has run before. Return the reply, also after an error."""
    try:
        with identity.surroundings.applied():
            result = _run(identity, call, deadline or Deadline())
        return Reply(id=call.id, result=msgspec.Raw(result.encode()))
    except Refusal as error:
        return Reply(id=call.id, error=failure(error, identity.surroundings))
    except Exception:
        fields = {"stream": call.stream, "action": call.action}
        logger.exception("The action %s of the stream %s failed.", call.action, call.stream, extra=fields)
        return Reply(id=call.id, error=failure(InternalError(), identity.surroundings))


def failure(error: ClientError, surroundings: Surroundings = SITE) -> Failure:
    """Return an error for the client, in the language of these surroundings."""
    details = {name: list(sentences) for name, sentences in getattr(error, "details", {}).items()}
    return Failure(
        error.code,
        localized_reason(error, surroundings),
        details=details or msgspec.UNSET,
        retry=msgspec.UNSET if error.retry is None else error.retry,
        version=getattr(error, "version", msgspec.UNSET),
    )


def _run(identity: Identity, call: Call, deadline: Deadline) -> str:
    """Run the action and record that it has run, in one transaction. Return the result as JSON."""
    key, content = operation_key(identity, call.id), operation_content(call)
    try:
        user = current(identity).user
        stream = _open(user, identity, call)
        work = _work(stream, user, call, deadline)
    except Refusal:
        # the call itself may have revoked the user's access
        known = call.stream in registry
        stored = idempotency.find(registry.get(call.stream).database(), key, content) if known else None
        if stored is None:
            raise
        return stored
    alias = stream.database()
    tries = 0
    while True:
        try:
            with idempotency.action_transaction(alias, first=not tries):
                stored = idempotency.begin(alias, key, content)
                if stored is not None:
                    return stored
                # encoded in the transaction, so that an action whose result cannot be sent has no effect
                result = _encoded(work())
                idempotency.finish(alias, key, content, result)
                deadline.commit()
            return result
        except Exception as error:
            if deadline.committing:
                # an on_commit hook has failed, or the answer to COMMIT was lost: the database knows whether it ran
                stored = idempotency.find(alias, key, content)
                if stored is not None:
                    logger.exception("The action has run, but an on_commit hook failed.")
                    return stored
            tries += 1
            repeatable = isinstance(error, DatabaseError) and idempotency.is_conflict(error)
            if tries == MAX_TRIES or not repeatable:
                raise
            deadline.retry()


def _open(user: Any, identity: Identity, call: Call) -> ModelStream:
    try:
        return open_stream(user, call.stream, call.params, identity.surroundings)
    except Refusal as error:
        raise public_error(error, user, call.stream) from error


def _encoded(result: Any) -> str:
    encoded = encode_value(result, default=plain)
    if len(encoded) > limits.reply_bytes:
        raise ValueError(f"A result may have {limits.reply_bytes} bytes; this one has {len(encoded)}.")
    return encoded.decode()


def _work(stream: ModelStream, user: Any, call: Call, deadline: Deadline) -> Callable[[], Any]:
    """Return the checked call as a function without arguments."""
    options = stream.actions().get(call.action)
    if options is None:
        allowed = ", ".join(stream.actions()) or "none"
        raise UnknownAction(f"The stream {call.stream!r} has no action {call.action!r}; it has: {allowed}.")
    if options["permission"] and not user.has_perm(options["permission"]):
        who = described(user)
        hint = f"{who[0].upper()}{who[1:]} lacks the permission {options['permission']!r}."
        raise with_hint(Forbidden(NOT_ALLOWED, action=call.action), hint)

    method: Any = getattr(type(stream), call.action, None)
    if not hasattr(method, ACTION):
        method = forms.ACTIONS[call.action]
    args = convert_arguments(method, call.args, kind="action")

    def work() -> Any:
        with refusals(call.action):
            if inspect.iscoroutinefunction(method):
                return async_to_sync(deadline.within)(method(stream, user, **args))
            return method(stream, user, **args)

    return work


@contextmanager
def refusals(action: str) -> Iterator[None]:
    """Convert Django's exceptions to errors for the client."""
    try:
        yield
    except PermissionDenied as error:
        if isinstance(error, Forbidden):
            raise
        raise (Forbidden(str(error)) if str(error) else Forbidden(NOT_ALLOWED, action=action)) from error
    except (ObjectDoesNotExist, Http404) as error:
        raise NotFound("The object of this call does not exist.") from error
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidArguments:
    if hasattr(error, "error_dict"):
        details = {
            ("" if name == NON_FIELD_ERRORS else name): list(texts) for name, texts in error.message_dict.items()
        }
        return InvalidArguments(" ".join(text for texts in details.values() for text in texts), details=details)
    return InvalidArguments(" ".join(error.messages))
