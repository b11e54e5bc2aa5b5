"""Validation: the errors in a stream's declaration, with remedies."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, cast
from weakref import WeakSet

import msgspec
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import DateTimeField, IntegerField, QuerySet, UUIDField
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

from realtime.exceptions import BadParameters, StreamDefinitionError
from realtime.streams.decorators import signature
from realtime.streams.groups import is_grouped, value_names
from realtime.streams.keys import target
from realtime.streams.place import PlaceStream
from realtime.streams.presence import presence_of
from realtime.streams.registry import registry
from realtime.streams.stream import FORM_ACTIONS, ModelStream, is_user
from realtime.streams.unread_rows import unread_field
from realtime.streams.window import NAMES

UNNAMED = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}

_valid: WeakSet[type[ModelStream]] = WeakSet()


def problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    """Yield the errors in the declaration of this stream."""
    if getattr(stream, "model", None) is None:
        yield StreamDefinitionError(f"{stream.__name__} has no model.", hint="Set `model` to the model of its rows.")
        return
    for option in ("fields", "partition_by", "depends_on", "authorize_depends_on", "rows_depend_on"):
        if isinstance(getattr(stream, option), str):
            yield StreamDefinitionError(f"{stream.__name__}.{option} is a string.", hint="Make it a list of strings.")
            return
    if stream.presence is not False and presence_of(stream) is None:
        yield StreamDefinitionError(
            f"{stream.__name__}.presence is {stream.presence!r}.",
            hint="Set it to True, or to a class derived from realtime.PresenceStream.",
        )
    yield from _time_problems(stream)
    yield from _page_problems(stream)
    yield from _parameter_problems(stream)
    if wrong := list(_audience_problems(stream)):
        yield from wrong
        return
    try:
        stream.dependencies()
    except Exception as error:  # an unknown kind of relation must not prevent the start
        told = error if isinstance(error, FieldDoesNotExist) else repr(error)
        yield StreamDefinitionError(
            f"{stream.__name__}.depends_on cannot be followed: {told}.",
            hint="Name relations of the model, with `__` between steps.",
        )
    try:
        stream.authorize_models()
    except (LookupError, ValueError) as error:
        yield StreamDefinitionError(
            f"{stream.__name__}.authorize_depends_on cannot be followed: {error}",
            hint='Name models as "app_label.Model", or as "app_label.Model.field" with the foreign key to the user.',
        )
    try:
        stream.row_models()
    except (LookupError, ValueError) as error:
        yield StreamDefinitionError(
            f"{stream.__name__}.rows_depend_on names no model: {error}", hint='Name models as "app_label.Model".'
        )
    yield from _unread_problems(stream)
    yield from _value_problems(stream)
    yield from _event_problems(stream)
    yield from _annotation_problems(stream)
    if stream.form_class is not None:
        model = getattr(getattr(stream.form_class, "_meta", None), "model", None)
        if model is None or model._meta.concrete_model is not stream.model._meta.concrete_model:
            yield StreamDefinitionError(
                f"{stream.__name__}.form_class is not a ModelForm of {stream.model.__name__}.",
                hint=f"Derive it from django.forms.ModelForm, with `model = {stream.model.__name__}` in its Meta.",
            )


def valid_streams(among: Iterable[type[ModelStream]] = registry) -> list[type[ModelStream]]:
    """Return the registered streams that can work as declared. One that was right before is not validated again."""
    streams = list(among)
    _valid.update(stream for stream in streams if stream not in _valid and not any(problems(stream)))
    return [stream for stream in streams if stream in _valid]


def template_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    """Yield the errors in the template. It sets up the project's template engines, so do not call it at startup."""
    if stream.template_name:
        try:
            get_template(stream.template_name)
        except TemplateDoesNotExist:
            yield StreamDefinitionError(
                f"{stream.__name__}.template_name names a template that does not exist: {stream.template_name!r}.",
                hint="Create it in a templates folder that Django searches.",
            )
        except TemplateSyntaxError as error:
            yield StreamDefinitionError(
                f"The template {stream.template_name!r} of {stream.__name__} cannot be read: {error}.", hint="Fix it."
            )


def field_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    """Yield the errors in `fields`. It calls `get_queryset` to find annotations, so do not call it at startup."""
    if any(problems(stream)):
        return
    queryset = probe(stream)
    if isinstance(queryset, QuerySet) and is_grouped(queryset):
        if stream.unread_by:
            yield StreamDefinitionError(
                f"{stream.__name__}.unread_by has no effect on groups, which are computed.", hint="Remove it."
            )
        names = value_names(queryset)
        for path in set(stream.fields).difference(names):
            yield StreamDefinitionError(
                f"{stream.__name__}.fields names {path!r}, which is not a value of the groups.",
                hint=f"They have: {', '.join(names)}.",
            )
        return
    for path in stream.fields:
        model: Any = stream.model
        for step in path.split("."):
            try:
                field = model._meta.get_field(step)
            except FieldDoesNotExist:
                if not (path.endswith(step) and _has_attribute(stream, model, step)):
                    known = ", ".join(sorted(item.name for item in model._meta.get_fields()))
                    yield StreamDefinitionError(
                        f"{stream.__name__}.fields names {path!r}, but {model.__name__} has no field {step!r}.",
                        hint=f"It has: {known}.",
                    )
                break
            if field.many_to_many or field.one_to_many:
                yield StreamDefinitionError(
                    f"{stream.__name__}.fields names {path!r}, which has many values.",
                    hint="Name a property of the model that returns a list, and put the relation into `depends_on`.",
                )
                break
            model = field.related_model or model


def _has_attribute(stream: type[ModelStream], model: Any, name: str) -> bool:
    if hasattr(model, name):  # a property
        return True
    if model is not stream.model:
        return False
    queryset = probe(stream)
    # without a QuerySet, the annotations are unknown
    return queryset is None or name in queryset.query.annotations


def probe(stream: type[ModelStream]) -> Any:
    """Return the QuerySet for sample parameters, not to be executed; None if it needs real ones."""
    try:
        bound = sample(stream)
        return bound.all_rows()
    except Exception:
        return None


def sample(stream: type[ModelStream]) -> ModelStream:
    """Return the stream with sample parameters."""
    params = {name: _placeholder(stream, name, parameter) for name, parameter in stream.parameters().items()}
    return stream(params, audience=None)


def _placeholder(stream: type[ModelStream], name: str, parameter: inspect.Parameter) -> Any:
    if parameter.default is not inspect.Parameter.empty:
        return parameter.default
    for value in (1, "1", str(uuid.UUID(int=1)), "2000-01-01"):
        try:
            return stream.clean_param(name, value)
        except BadParameters:
            continue
    return None


def _parameter_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    parameters = stream.parameters()
    if any(parameter.kind in UNNAMED for parameter in parameters.values()):
        yield StreamDefinitionError(
            f"{stream.__name__}.get_queryset takes arguments without names.",
            hint="Name each parameter of the stream: def get_queryset(self, project): ...",
        )
        return
    for name in stream.partition_by:
        try:
            field = stream.model._meta.get_field(name)
        except FieldDoesNotExist:
            field = None
        if field is None or not getattr(field, "concrete", False) or field.many_to_many:
            yield StreamDefinitionError(
                f"{stream.__name__}.partition_by names {name!r}, which is not a field of {stream.model.__name__}.",
                hint="Name fields that are columns of the model's own table.",
            )
        if name not in parameters and not issubclass(stream, PlaceStream):  # which sets the value itself
            yield StreamDefinitionError(
                f"{stream.__name__}.partition_by names {name!r}, which is not a parameter of get_queryset.",
                hint=f"Add it: def get_queryset(self, {name}): ...",
            )
        if name in parameters and stream.takes_several(name):
            yield StreamDefinitionError(
                f"{stream.__name__}.partition_by names {name!r}, which takes several values.",
                hint="Remove it from partition_by, or let the parameter take a single value.",
            )
    for method in ("authorize", "audience"):
        signature = inspect.signature(getattr(stream, method))
        try:
            signature.bind(None, None, **dict.fromkeys(parameters))
        except TypeError:
            yield StreamDefinitionError(
                f"{stream.__name__}.{method} does not take the parameters of get_queryset.",
                hint=f"Declare it as def {method}({', '.join(['self', 'user', *parameters])}).",
            )


def _audience_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    name, path = stream.__name__, cast("Any", stream.audience_by)
    if not path:
        return
    if not isinstance(path, str):
        yield StreamDefinitionError(
            f"{name}.audience_by is {path!r}.", hint='Name one relation: audience_by = "members".'
        )
        return
    try:
        stream.audience_path()
    except (FieldDoesNotExist, FieldError) as error:
        yield StreamDefinitionError(
            f"{name}.audience_by cannot be followed: {error}.",
            hint="Name a relation of the model to what `audience` returns, with `__` between steps.",
        )
        return
    if not isinstance(target(stream.model._meta.pk), IntegerField | UUIDField):
        yield StreamDefinitionError(
            f"{name}.audience_by needs a model with an integer or a UUID as primary key, which {stream.model.__name__}"
            " does not have.",
            hint="Remove audience_by.",
        )
    if stream.audience is ModelStream.audience:
        yield StreamDefinitionError(
            f"{name}.audience_by shows no rows: every user has the audience None.",
            hint="Define `audience`, for example to return user.pk.",
        )
    if path in stream.partition_by:
        yield StreamDefinitionError(
            f"{name}.audience_by names {path!r}, which is in partition_by too.",
            hint="Remove it from partition_by, and from the parameters.",
        )


def _unread_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    if stream.unread_by:
        try:
            field: Any = unread_field(stream)
        except FieldDoesNotExist:
            field = None
        if not isinstance(field, IntegerField | DateTimeField) or field.null:
            yield StreamDefinitionError(
                f"{stream.__name__}.unread_by names {stream.unread_by!r}, which does not tell new rows of "
                f"{stream.model.__name__} from others.",
                hint='Name a field of the model that grows and is never null: "pk", if it is an integer, or a '
                "DateTimeField.",
            )
    if stream.unread_except and not (stream.unread_by and is_user(stream.model, stream.unread_except)):
        yield StreamDefinitionError(
            f"{stream.__name__}.unread_except names {stream.unread_except!r}, which has no effect.",
            hint="Name a foreign key of the model to the primary key of the user model, and set `unread_by`.",
        )


def _time_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    if stream.refresh_every is not None and not _is_positive(stream.refresh_every):
        yield StreamDefinitionError(
            f"{stream.__name__}.refresh_every is {stream.refresh_every!r}.",
            hint="Set it to a positive number of seconds.",
        )
    if len(inspect.signature(stream.changes_at).parameters) != 1 or inspect.iscoroutinefunction(stream.changes_at):
        yield StreamDefinitionError(
            f"{stream.__name__}.changes_at takes arguments, or is a coroutine.",
            hint="Declare it as def changes_at(self): the stream's parameters are in self.params.",
        )


def _page_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    size: Any = stream.paginate_by
    if size is None:
        return
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        yield StreamDefinitionError(
            f"{stream.__name__}.paginate_by is {size!r}.", hint="Set it to a positive number of rows, or to None."
        )
    for name in NAMES:
        if name in stream.parameters():
            yield StreamDefinitionError(
                f"{stream.__name__}.get_queryset takes {name!r}, which `paginate_by` reserves.",
                hint="Remove it, because `paginate_by` slices the rows, or give your parameter another name.",
            )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _event_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    for name in stream.events():
        _, *parameters = inspect.signature(getattr(stream, name)).parameters.values()
        if not parameters or any(parameter.kind in UNNAMED for parameter in parameters):
            yield StreamDefinitionError(
                f"The event {stream.__name__}.{name} does not declare its values.",
                hint=f"Declare it as def {name}(self, user, ...), with a name and a type for each value.",
            )


def _annotation_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    """Yield annotations that no value can be converted to, such as limits of a union."""
    called = [name for name in (*stream.actions(), *stream.events()) if name not in FORM_ACTIONS]
    for name, skip in [("get_queryset", 1), *((name, 2) for name in called)]:
        parameters, hints = signature(getattr(stream, name), skip=skip)
        for parameter in parameters.keys() & hints.keys():
            try:
                msgspec.json.Decoder(hints[parameter])
            except TypeError:
                yield StreamDefinitionError(
                    f"No value can be converted to the annotation of {parameter!r} in {stream.__name__}.{name}.",
                    hint="Put limits on a type that supports them: `Annotated[int, Meta(ge=1)] | None`.",
                )


def _value_problems(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    for name in stream.values():
        if len(inspect.signature(getattr(stream, name)).parameters) != 1:
            yield StreamDefinitionError(
                f"The live value {stream.__name__}.{name} takes arguments.",
                hint="Remove them: the stream's parameters are in self.params.",
            )
    try:
        stream.value_models()
    except (LookupError, ValueError) as error:
        yield StreamDefinitionError(
            f"A live value of {stream.__name__} depends on no model: {error}", hint='Name models as "app_label.Model".'
        )
