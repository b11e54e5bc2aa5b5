"""ModelStream: the base class of streams."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import router
from django.utils import timezone

from realtime.conf import limits
from realtime.exceptions import BadParameters, StreamDefinitionError
from realtime.streams.audience_path import AudiencePath, audience_path
from realtime.streams.choices import refused_value
from realtime.streams.decorators import ACTION, EVENT, LIVE_VALUE, decorated, signature
from realtime.streams.inline_rows import FoundRows, find
from realtime.streams.keys import MAX_INTEGER, cleaned, key_text, stored
from realtime.streams.relations import Dependency, follow, is_generic, through_dependencies
from realtime.streams.surroundings import SITE, Surroundings
from realtime.streams.value_lists import given_values, in_order, is_empty, item_types
from realtime.streams.window import RowWindow

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

FORM_ACTIONS = ("create", "update")
SAME_MOMENT_SECONDS = 0.5  # delay until the next check if `changes_at` returns a time in the past
UNKNOWN = object()  # an audience that has not been computed yet


class ModelStream:
    """Live rows of a model.

    Subclass it in an app's `streams.py` and register it with `@register("name")`. The arguments of `get_queryset` are
    the stream's parameters. Clients pass them by name. Values are converted to the annotations or, for a parameter in
    `partition_by`, to the type of the model field. A parameter annotated as a tuple, list or set takes several values.

        @register("tasks")
        class TaskStream(ModelStream):
            model = Task
            fields = ["id", "title", "done", "assignee.username"]
            template_name = "board/_task.html"
            partition_by = ["project"]
            depends_on = ["assignee"]

            def authorize(self, user, project):
                return Project.objects.filter(pk=project, members=user).exists()

            def get_queryset(self, project):
                return Task.objects.filter(project=project).order_by("position")

    Instances are bound to their parameters: `self.params` is a dict, and `self.audience` is the return value of
    `audience`. They know nothing else about the user, because all users of an audience share the rows.
    """

    name: ClassVar[str] = ""

    model: ClassVar[type[Model]]
    """The model whose rows are streamed."""

    fields: ClassVar[Sequence[str]] = ()
    """The fields of a row as data; a dot follows a relation ("assignee.username"). If empty, only HTML is served.

    If `get_queryset` returns groups, the names are those of its `values()` and `annotate()`.
    """

    serializer_class: ClassVar[Any] = None
    """A Django REST framework serializer class that replaces `fields`. Its context has `stream` but no request."""

    template_name: ClassVar[str | None] = None
    """The template of one row, with a single root element. Its context has `object`, the model's name and `stream`.

    Pages that write the row between `{% live ... as task %}` and `{% endlive %}` do not need it.
    """

    partition_by: ClassVar[Sequence[str]] = ()
    """Model fields that are also parameters. A change is routed only to live queries with the same values."""

    paginate_by: ClassVar[int | None] = None
    """The number of rows on a page. Clients then see one page, or the rows that they have loaded, never all rows.

    The stream then has two more parameters, which `get_queryset` does not receive: `page`, a number, and `window`, a
    range of rows such as "0:100", or "-100:0" for the last hundred. The stream also has a live value `extent` with the
    number of all rows, {"total": 1234, "size": 50}, unless it uses this name itself.
    """

    audience_by: ClassVar[str] = ""
    """A relation from a row to the audiences that it is for ("recipient", "members", "project__members").

    An audience sees only rows that lead to it: realtime adds this condition, so `get_queryset` need not filter by the
    audience. An audience of None, or one that cannot be a key, sees no row. A change is routed only to live queries of
    the audiences that the row is or was for, and these are read together.
    """

    depends_on: ClassVar[Sequence[str]] = ()
    """Relations that rows show ("assignee", "project__owner", "tags"). A change there updates the row."""

    authorize_depends_on: ClassVar[Sequence[str]] = ()
    """Models that `authorize` and `audience` read. When their rows change, access is checked again within a second.

    "board.Membership" checks all subscribers of the stream. "board.Membership.user" checks only the user in the
    foreign key `user` of the changed row. Add the user model if `authorize` reads datetime fields of users.

    A check whose SELECT statements still return the same rows is not repeated. If it depends on more, such as a
    cache, call `realtime.revoke` when that changes.
    """

    form_class: ClassVar[Any] = None
    """A ModelForm. It gives clients the actions `create` and `update`, subject to `authorize_form`."""

    allow_anonymous: ClassVar[bool] = False
    """Whether `authorize` decides about anonymous users too. By default, they are refused."""

    presence: ClassVar[Any] = False
    """Whether the stream tracks present users: True, or a subclass of `PresenceStream` that shows them."""

    unread_by: ClassVar[str] = ""
    """The field that identifies unread rows: "pk", another integer that grows, or a time ("created_at").

    A row is unread if its value is higher than those of all rows that the user has seen. With a time that each save
    sets (`auto_now`), changed rows are unread again. `{% live_unread %}` counts unread rows, and `{% live %}` marks
    them.
    """

    unread_except: ClassVar[str] = ""
    """A foreign key to the user ("author"): a row is never unread to this user. Used with `unread_by`."""

    rows_depend_on: ClassVar[Sequence[str] | None] = None
    """Models whose changes may change any row ("board.Task"), such as those behind a database view."""

    localize: ClassVar[bool] = False
    """Whether rows use the viewer's language and time zone instead of LANGUAGE_CODE and TIME_ZONE."""

    refresh_every: ClassVar[float | None] = None
    """Seconds between reloads without any write, for rows that depend on the time."""

    def __init__(
        self,
        params: Mapping[str, Any],
        audience: Any = UNKNOWN,
        surroundings: Surroundings = SITE,
        window: RowWindow | None = None,
    ) -> None:
        self.params = dict(params)
        self.window = window
        self.audience_key = None if audience is UNKNOWN else audience
        self.surroundings = surroundings if self.localize else surroundings.of_site()
        if audience is not UNKNOWN:
            self.audience = audience  # type: ignore[method-assign] # the value replaces the method
        if self.audience_by:  # whoever asks this stream for its rows gets those of its audience
            self.get_queryset = self._own_rows  # type: ignore[method-assign]
        self._inline_rows: dict[str, FoundRows | None] = {}  # by format

    # what users override

    def authorize(self, user: Any, **params: Any) -> bool:
        """Return whether the user may see the stream with these parameters. Default: the model's view permission."""
        meta = self.model._meta
        return bool(user.has_perm(f"{meta.app_label}.{get_permission_codename('view', meta)}"))

    def audience(self, user: Any, **params: Any) -> Any:
        """Return a string, number or None that is equal for users who see the same rows.

        Default: None, one audience for all authorized users. `return user.pk` makes the rows personal: `audience_by`
        says whom a row is for, or `get_queryset` reads the value from `self.audience`.
        """
        return None

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows, ordered. Override it; its arguments are the stream's parameters.

        If the stream has `audience_by`, return the rows of all audiences. realtime adds the condition: a call such as
        `self.get_queryset()` in an action returns only the rows of the audience.

        Groups (`values("column").annotate(total=Count("pk"))`) are rows too, as dictionaries, keyed by their group.
        """
        return self.model._default_manager.all()

    def authorize_form(self, user: Any, instance: Any) -> bool:
        """Return whether the user may change `instance` with the form, or add a row if it is None.

        It is called after `authorize`. Default: the model's change and add permissions.
        """
        meta = self.model._meta
        permission = get_permission_codename("add" if instance is None else "change", meta)
        return bool(user.has_perm(f"{meta.app_label}.{permission}"))

    def get_form(self, user: Any, *, instance: Any, data: Any) -> Any:
        """Return the form for a row. A new instance has the values of `partition_by`; `data` is None for display."""
        return self.form_class(data=data, instance=instance)

    def get_fields(self) -> Sequence[str]:
        """Return the fields that this audience sees, a subset of `fields`.

        Default: all.

            def audience(self, user, project):
                return "staff" if user.is_staff else "members"

            def get_fields(self):
                return self.fields if self.audience == "staff" else ["id", "title"]
        """
        return self.fields

    def get_template_name(self) -> str | None:
        """Return the row template for this audience. Default: `template_name`."""
        return self.template_name

    def changes_at(self) -> datetime | None:
        """Return when rows next enter, leave or change because of time alone, or None.

        It is called after each change, and at each time that it returned. It may query the database.

            def get_queryset(self):
                return Event.objects.filter(ends__gt=timezone.now())

            def changes_at(self):
                return self.get_queryset().aggregate(Min("ends"))["ends__min"]
        """
        return None

    # internal

    def extent(self) -> dict[str, Any]:
        """Return the number of all rows, and of those on a page."""
        return {"total": self.get_queryset(**self.params).count(), "size": self.paginate_by}

    def _own_rows(self, *args: Any, **params: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.narrowed(type(self).get_queryset(self, *args, **params))
        return rows

    def all_rows(self) -> Any:
        """Return what the class's `get_queryset` returns: if it has `audience_by`, the rows of all audiences."""
        if not self.audience_by:
            return self.get_queryset(**self.params)
        return type(self).get_queryset(self, **self.params)

    def narrowed(self, queryset: Any) -> Any:
        """Return the rows of a QuerySet that are for the audience, as `audience_by` says."""
        return self.audience_path().narrow(queryset, self.audience_key) if self.audience_by else queryset

    @classmethod
    def row_models(cls) -> list[type[Model]]:
        """Return the models in `rows_depend_on`. Raise `LookupError` or `ValueError`."""
        models = [apps.get_model(label) for label in cls.rows_depend_on or ()]
        return [model._meta.concrete_model or model for model in models]

    @classmethod
    def compares_rows(cls) -> bool:
        """Return whether rows change without a logged change, so reloads must compare them."""
        return cls.changes_by_time() or bool(cls.rows_depend_on)

    @classmethod
    def changes_by_time(cls) -> bool:
        """Return whether the stream has `changes_at` or `refresh_every`."""
        return cls.refresh_every is not None or cls.changes_at is not ModelStream.changes_at

    def next_change(self, now: float) -> float | None:
        """Return when rows next change by time alone, as a Unix time like `now`. Raise `StreamDefinitionError`."""
        found = [] if self.refresh_every is None else [now + self.refresh_every]
        moment = self.changes_at()
        if moment is not None:
            if not isinstance(moment, datetime):
                raise StreamDefinitionError(
                    f"changes_at of the stream {self.name!r} returned {type(moment).__name__}.",
                    hint="Return a datetime, or None.",
                )
            if timezone.is_naive(moment) and django_settings.USE_TZ:
                moment = timezone.make_aware(moment)
            # a time in the past is checked again after a pause, not in a busy loop
            found.append(moment.timestamp() if moment.timestamp() > now else now + SAME_MOMENT_SECONDS)
        return min(found, default=None)

    def wire_params(self) -> dict[str, Any]:
        """Return the parameters as JSON values, as a client sends them."""
        plain = self._plain_params()
        plain |= {name: list(value or ()) for name, value in plain.items() if self.takes_several(name)}
        return plain if self.window is None else plain | self.window.param()

    def params_key(self) -> bytes:
        """Return the parameters, without the window, as canonical JSON."""
        return msgspec.json.encode(self._plain_params(), order="deterministic")

    def _plain_params(self) -> dict[str, Any]:
        given = {name: in_order(value) for name, value in self.params.items()}
        plain: dict[str, Any] = msgspec.to_builtins(given, order="deterministic", enc_hook=str)
        return plain

    def format_fingerprint(self, format: str) -> str:
        """Return a hash of audience, fields and template. A delta never builds on rows with another hash."""
        serializer = getattr(self.serializer_class, "__qualname__", None)
        seen = [self.audience_key, list(self.get_fields()), serializer, self.get_template_name(), format]
        if source := self.row_source(format):
            seen.append(source)
        if any(self.surroundings):
            seen.append(self.surroundings)
        return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:12]

    def serves(self, format: str) -> bool:
        """Return whether the stream supports a format: "html", "html:...", "data", "pages" or "value:...".

        Raise `TokenInvalid` for inline rows that no server has signed for this stream.
        """
        kind, _, name = format.partition(":")
        if kind == "value":
            return name in self.values()
        if kind == "html":
            return bool(self.inline_rows(format) or self.template_name)
        if kind == "pages":
            return self.paginate_by is not None
        return bool(self.fields or self.serializer_class)

    def inline_rows(self, format: str) -> FoundRows | None:
        """Return the inline rows of a format, if it names some. It reads templates once. Raise `TokenInvalid`."""
        if format not in self._inline_rows:
            self._inline_rows[format] = find(self.name, format) if format.startswith("html:") else None
        return self._inline_rows[format]

    def row_source(self, format: str) -> str:
        """Return a hash of the template with the inline rows of a format, or ""."""
        rows = self.inline_rows(format)
        return rows.digest if rows else ""

    @classmethod
    def is_presence(cls) -> bool:
        """Return whether its rows are present users."""
        return cls.model._meta.label_lower == "realtime.presence"

    @classmethod
    def database(cls) -> str:
        """Return the alias of the database of the rows and their log."""
        return router.db_for_write(cls.model)

    @classmethod
    def parameters(cls) -> Mapping[str, inspect.Parameter]:
        """Return the stream's parameters: the arguments of `get_queryset`."""
        return signature(cls.get_queryset, skip=1).parameters

    @classmethod
    def key_parameter(cls) -> str | None:
        """Return the parameter with the primary key of the stream's only row; None if it may have several."""
        key: Any = cls.model._meta.pk
        return next((name for name in cls.partition_by if name in (key.name, key.attname)), None)

    @classmethod
    def clean_params(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, converted, with defaults. Raise `BadParameters`."""
        parameters = cls.parameters()
        key = cls.key_parameter()
        if key is not None and "pk" in given and key not in given and "pk" not in parameters:
            given = {key if name == "pk" else name: value for name, value in given.items()}
        allowed = ", ".join(parameters) or "none"
        for name in given:
            if name not in parameters:
                raise BadParameters(f"The stream {cls.name!r} has no parameter {name!r}; it has: {allowed}.")

        cleaned = {}
        for name, parameter in parameters.items():
            has_default = parameter.default is not inspect.Parameter.empty
            if has_default and cls.takes_several(name) and is_empty(given.get(name)):
                cleaned[name] = parameter.default
            elif has_default and given.get(name) == "":
                cleaned[name] = cls._clean_empty(name, parameter.default)
            elif name in given and (given[name] is not None or parameter.default is not None):
                cleaned[name] = cls.clean_param(name, given[name])
            elif not has_default:
                raise BadParameters(f"The stream {cls.name!r} needs the parameter {name!r}; it has: {allowed}.")
            else:
                cleaned[name] = parameter.default
        return cleaned

    @classmethod
    def clean_param(cls, name: str, value: Any) -> Any:
        """Return one parameter, converted. Raise `BadParameters`."""
        try:
            return cls._converted(name, value)
        except (msgspec.ValidationError, ValidationError, ValueError, TypeError, OverflowError) as error:
            annotation = signature(cls.get_queryset, skip=1).hints.get(name)
            raise refused_value(cls.name, name, annotation, error) from None

    @classmethod
    def _clean_empty(cls, name: str, default: Any) -> Any:
        """Return what an empty form field means: text, if the parameter takes that, or its default."""
        try:
            return cls._converted(name, "")
        except (msgspec.ValidationError, ValidationError, ValueError, TypeError):
            return default

    @classmethod
    def takes_several(cls, name: str) -> bool:
        """Return whether the parameter takes several values."""
        return bool(item_types(signature(cls.get_queryset, skip=1).hints.get(name)))

    @classmethod
    def _converted(cls, name: str, value: Any) -> Any:
        annotation = signature(cls.get_queryset, skip=1).hints.get(name)
        if cls.takes_several(name):
            value = given_values(value)
            _check_scalars(value)
            value = msgspec.convert(value, annotation, strict=False)
            _check_scalars(value)
            return value
        if isinstance(value, list | tuple | set | frozenset):
            raise TypeError
        _check_scalars([value])
        if annotation is not None:
            value = msgspec.convert(value, annotation, strict=False)
        elif name in cls.partition_by:
            value = cleaned(cls.model._meta.get_field(name), value)
        elif not isinstance(value, str | int | float | None):
            raise TypeError
        _check_scalars([value])
        return value

    @classmethod
    def partition_values(cls, params: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the values that a change must have to be routed here; a parameter of None matches any."""
        return {
            name: key_text(stored(cls.model._meta.get_field(name), params[name]))
            for name in cls.partition_by
            if params.get(name) is not None
        }

    @classmethod
    def audience_path(cls) -> AudiencePath:
        """Return the path in `audience_by`, which is not empty. Raise `FieldDoesNotExist` or `FieldError`."""
        return audience_path(cls.model, cls.audience_by)

    @classmethod
    def routing_fields(cls) -> list[str]:
        """Return the model fields whose old and new values route a change."""
        column = cls.audience_path().column if cls.audience_by else ""
        return [*cls.partition_by, *([column] if column else [])]

    def is_routed(self) -> bool:
        """Return whether a change reaches this stream by its values, and not every change of the model."""
        has_audience = bool(self.audience_by) and self.audience_path().named(self.audience_key) is not None
        return has_audience or bool(self.partition_values(self.params))

    @classmethod
    def dependencies(cls) -> Sequence[Dependency]:
        """Return the models along `depends_on` and `audience_by`, with their paths. Raise `FieldDoesNotExist`."""
        found: list[Dependency] = []
        for path in cls.depends_on:
            found += follow(cls.model, path)
        if cls.audience_by:
            found += cls.audience_path().dependencies
        for field in cls.model._meta.many_to_many:
            if is_generic(field, cls.model):  # other rows between are part of the object
                found += through_dependencies(field, cls.model)
        return tuple(dict.fromkeys(found))

    @classmethod
    def actions(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the actions by name, with the options of `@action`."""
        return {name: {"permission": None} for name in FORM_ACTIONS if cls.form_class} | decorated(cls, ACTION)

    @classmethod
    def values(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the live values by name, with the options of `@live_value`."""
        own = decorated(cls, LIVE_VALUE)
        has_extent = cls.paginate_by is not None and cls.extent is ModelStream.extent
        return {"extent": {"depends_on": (), "permission": None}, **own} if has_extent else own

    @classmethod
    def events(cls) -> Sequence[str]:
        """Return the names of the events that clients may send."""
        return list(decorated(cls, EVENT))

    @classmethod
    def authorize_models(cls) -> list[type[Model]]:
        """Return the models in `authorize_depends_on`. Raise `LookupError` or `ValueError`."""
        return [model for model, _ in cls.authorize_grounds()]

    @classmethod
    def authorize_grounds(cls) -> list[tuple[type[Model], str]]:
        """Return these models, each with its foreign key to the affected user, or "".

        Raise `LookupError` or `ValueError`.
        """
        found = []
        for label in cls.authorize_depends_on:
            app, _, rest = label.partition(".")
            name, _, field = rest.partition(".")
            model = apps.get_model(app, name) if field else apps.get_model(label)
            if field and not is_user(model, field):
                raise ValueError(f"{label!r} ends in no foreign key to the primary key of the user model.")
            found.append((model._meta.concrete_model or model, field))
        return found

    @classmethod
    def value_models(cls) -> Mapping[str, Sequence[type[Model]]]:
        """Return the models of `depends_on` of each live value. Raise `LookupError`."""
        found = {}
        for name, options in cls.values().items():
            models = [apps.get_model(label) for label in options["depends_on"]]
            found[name] = [model._meta.concrete_model or model for model in models]
        return found


def _check_scalars(values: Iterable[Any]) -> None:
    """Raise `ValueError` for a value that is too long, or that no database can hold, or JSON cannot tell from None."""
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) < limits.param_length):
            raise ValueError  # written out, 1e999999999 would fill the memory
        if isinstance(value, str) and (len(value) > limits.param_length or "\x00" in value):
            raise ValueError
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise ValueError


def is_user(model: Any, name: str) -> bool:
    """Return whether the field is a foreign key to the user model's primary key."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    if not (field.many_to_one or field.one_to_one) or not field.concrete:
        return False
    users = get_user_model()._meta
    return field.related_model._meta.concrete_model is users.concrete_model and field.target_field.primary_key
