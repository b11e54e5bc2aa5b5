"""Forms: creates and changes rows with the Django form of a stream.

A form has a version: a tag for the value of each field when the form was opened, made with the site's secret key.
Different tags show which fields other users have changed meanwhile, so that these are not overwritten silently.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, ObjectDoesNotExist, ValidationError
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from realtime.auth.authorization import StreamForbidden, open_stream
from realtime.exceptions import Forbidden, InvalidArguments, NotFound, Refusal, Stale
from realtime.queries.queryset import unsliced
from realtime.streams.keys import key_of, parse_key
from realtime.streams.stream import ModelStream

SALT = "realtime.form"
TAG_BYTES = 9
STALE = "Someone else has changed this. Save again to overwrite it."


def create(stream: ModelStream, user: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Create a row; return its key and the version of its form."""
    return create_from(stream, user, _form_data(data))


def update(stream: ModelStream, user: Any, pk: int | str, data: dict[str, Any], version: str) -> dict[str, Any]:
    """Change a row, unless it has changed since the form was opened; return its key and the form's version."""
    return update_from(stream, user, pk, _form_data(data), version)


def create_from(stream: ModelStream, user: Any, data: Any, files: Any = None) -> dict[str, Any]:
    """Like `create`, with the data of an HTML form."""
    authorize(stream, user, None)
    return _save(stream, user, _bound(stream, user, new_instance(stream), data, files))


def update_from(
    stream: ModelStream, user: Any, pk: int | str, data: Any, version: str, files: Any = None
) -> dict[str, Any]:
    """Like `update`, with the data of an HTML form."""
    instance = find(stream, pk, lock=True)
    authorize(stream, user, instance)
    opened = stream.get_form(user, instance=instance, data=None)
    given = _bound(stream, user, find(stream, pk), data, files)
    changed = [name for name in _changed_since(stream, opened, version) if name in given.changed_data]
    if changed:
        details = {name: [_current_value(instance, name)] for name in changed}
        raise Stale(gettext(STALE), details=details, version=version_of(stream, opened))
    return _save(stream, user, given)


#: The actions that a stream with a form has.
ACTIONS: Mapping[str, Callable[..., Any]] = {"create": create, "update": update}


def authorize(stream: ModelStream, user: Any, instance: Any) -> None:
    """Raise `Forbidden` unless the user may change this row, or add one (`instance` is None)."""
    if not stream.authorize_form(user, instance):
        raise StreamForbidden(
            "You do not have permission to add this row."
            if instance is None
            else "You do not have permission to change this row."
        )


def new_instance(stream: ModelStream) -> Any:
    """Return an unsaved row with the values of the stream's partition."""
    instance = stream.model()
    for name, attname in _partition(stream).items():
        setattr(instance, attname, stream.params[name])
    return instance


def find(stream: ModelStream, pk: int | str, *, lock: bool = False) -> Any:
    """Return the stream's row with this key. Raise `NotFound`."""
    missing = NotFound("The object of this form does not exist.")
    queryset = stream.get_queryset(**stream.params)
    try:
        key = parse_key(stream.model, str(pk))
        if lock:  # other transactions' changes are complete before this one, or wait for it
            stream.model._base_manager.using(stream.database()).select_for_update().filter(pk=key).first()
        instance = unsliced(queryset).using(stream.database()).get(pk=key)
    except (ObjectDoesNotExist, ValidationError, ValueError, TypeError):
        raise missing from None
    if queryset.query.is_sliced and instance not in list(queryset):
        raise missing
    return instance


def version_of(stream: ModelStream, form: Any) -> str:
    """Return the version of a form that is not bound to data."""
    return ".".join(_tag(stream, form, name, settings.SECRET_KEY) for name in form.fields)


def errors_of(form: Any) -> dict[str, list[str]]:
    """Return the errors of a form by field; those of the whole form under an empty name."""
    return {("" if name == NON_FIELD_ERRORS else name): list(map(str, texts)) for name, texts in form.errors.items()}


def _bound(stream: ModelStream, user: Any, instance: Any, data: Any, files: Any) -> Any:
    form = stream.get_form(user, instance=instance, data=data)
    if files:
        form.files = files
    return form


def _save(stream: ModelStream, user: Any, form: Any) -> dict[str, Any]:
    if not form.is_valid():
        details = errors_of(form)
        raise InvalidArguments(" ".join(text for texts in details.values() for text in texts), details=details)
    _check_partition(stream, user, form.instance)
    instance = form.save()
    fresh = stream.model._base_manager.using(stream.database()).get(pk=instance.pk)
    return {
        "pk": key_of(instance),
        "version": version_of(stream, stream.get_form(user, instance=fresh, data=None)),
    }


def _check_partition(stream: ModelStream, user: Any, instance: Any) -> None:
    """Refuse to move a row to a partition that the user may not see."""
    partition = _partition(stream)
    target = {name: getattr(instance, attname) for name, attname in partition.items()}
    if any(str(value) != str(stream.params[name]) for name, value in target.items()):
        try:
            open_stream(user, stream.name, {**stream.wire_params(), **target})
        except Refusal:
            raise Forbidden("You do not have permission to move this row there.") from None


def _partition(stream: ModelStream) -> dict[str, str]:
    """Return the row's attributes of the stream's partition, by parameter."""
    found = {}
    for name in stream.partition_by:
        field: Any = stream.model._meta.get_field(name)
        if field.concrete and not field.many_to_many and stream.params.get(name) is not None:
            found[name] = field.attname
    return found


def _form_data(given: Mapping[str, Any]) -> MultiValueDict[str, Any]:
    """Return a client's data as from an HTML form, in which unchecked fields are missing."""
    data: MultiValueDict[str, Any] = MultiValueDict()
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float | None) for each in values):
            sentence = gettext("This value has the wrong type.")
            raise InvalidArguments(f"{name}: {sentence}", details={name: [sentence]})
        texts = ["on" if each is True else str(each) for each in values if each is not None and each is not False]
        if texts:
            data.setlist(name, texts)
    return data


def _changed_since(stream: ModelStream, form: Any, version: str) -> Sequence[str]:
    tags = version.split(".")
    if len(tags) != len(form.fields):  # the form itself has changed
        return list(form.fields)
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [
        name
        for name, tag in zip(form.fields, tags, strict=True)
        if not any(constant_time_compare(tag, _tag(stream, form, name, secret)) for secret in secrets)
    ]


def _tag(stream: ModelStream, form: Any, name: str, secret: str | bytes) -> str:
    value = form.fields[name].prepare_value(form.get_initial_for_field(form.fields[name], name))
    text = json.dumps([stream.model._meta.label, str(form.instance.pk), name, value], default=str)
    # the name is part of the tag, so that equal values of two fields have different tags
    digest = salted_hmac(SALT, text, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:TAG_BYTES]).decode()


def _current_value(instance: Any, name: str) -> str:
    try:
        field: Any = instance._meta.get_field(name)
    except FieldDoesNotExist:
        return gettext("This has changed since you opened the form.")
    if field.many_to_many:
        return gettext("This has changed since you opened the form.")
    display = getattr(instance, f"get_{name}_display", None)
    value = display() if display else getattr(instance, name)
    return gettext("This has changed since you opened the form, to “%(value)s”.") % {"value": value}
