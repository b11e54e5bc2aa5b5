"""ModelStream: what a user declares to make rows live."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import BooleanField, DecimalField, FloatField

from realtime.conf import settings
from realtime.exceptions import BadParameters
from realtime.streams.decorators import ACTION, EVENT, LIVE_VALUE
from realtime.streams.dependencies import Dependency, follow
from realtime.streams.keys import key_text, target
from realtime.streams.signatures import signature

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

FORM_ACTIONS = ("create", "update")
MAX_INTEGER = 2**63 - 1  # what every database can hold


class ModelStream:
    """Rows of a model that are live in the browser.

    Derive from it in an app's `streams.py` and register it with `@register("name")`. The arguments of `get_queryset`
    are the stream's parameters: clients give them by name, converted to their annotations, or to the model field's
    type where a parameter is named in `partition_by`.

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

    A stream is bound when it is used: `self.params` (a dict) and `self.audience` are set, and nothing else of the user
    is known, since all users of one audience share the rows.
    """

    name: ClassVar[str] = ""

    model: ClassVar[type[Model]]
    """The model whose rows are streamed."""

    fields: ClassVar[Sequence[str]] = ()
    """The values of a row as data; a dot follows a relation ("assignee.username"). Without it, only HTML is served."""

    serializer_class: ClassVar[Any] = None
    """A serializer class of Django REST framework, in place of `fields`; its context has `stream`, and no request."""

    template_name: ClassVar[str | None] = None
    """The template of a row as HTML, with one root element. Its context: `object`, the model's name, and `stream`."""

    partition_by: ClassVar[Sequence[str]] = ()
    """Fields of the model that are parameters too: a change concerns only the live queries with the same values."""

    depends_on: ClassVar[Sequence[str]] = ()
    """Relations whose rows make a row change when they change ("assignee", "project__owner", "tags")."""

    authorize_depends_on: ClassVar[Sequence[str]] = ()
    """Models that `authorize` and `audience` look at ("board.Membership"): a change of theirs has them asked again."""

    form_class: ClassVar[Any] = None
    """A ModelForm of the model: clients may `create` and `update` rows through it, where `authorize_form` allows."""

    allow_anonymous: ClassVar[bool] = False
    """Whether visitors who are not logged in are asked about at all."""

    presence: ClassVar[Any] = False
    """Whether it is known who is here: True, or a class derived from `PresenceStream` that shows them."""

    def __init__(self, params: Mapping[str, Any], audience: Any = None) -> None:
        self.params = dict(params)
        self.audience_key = audience

    # what users override

    def authorize(self, user: Any, **params: Any) -> bool:
        """Whether the user may see this stream with these parameters. Default: the model's view permission."""
        meta = self.model._meta
        return bool(user.has_perm(f"{meta.app_label}.{get_permission_codename('view', meta)}"))

    def audience(self, user: Any, **params: Any) -> Any:
        """The class of users who see the same rows: a string, number or None.

        Default: None, everyone who is authorized. `return user.pk` makes the rows personal; `get_queryset` finds the
        value in `self.audience_key`.
        """
        return None

    def get_queryset(self) -> QuerySet[Any]:
        """The rows, in their order. Override it with the parameters that the stream has."""
        return self.model._default_manager.all()

    def authorize_form(self, user: Any, instance: Any) -> bool:
        """Whether the user may change this row through the form; None: make one. `authorize` has said yes already.

        Default: the model's change and add permissions.
        """
        meta = self.model._meta
        permission = get_permission_codename("add" if instance is None else "change", meta)
        return bool(user.has_perm(f"{meta.app_label}.{permission}"))

    def get_form(self, user: Any, *, instance: Any, data: Any) -> Any:
        """The form for a row (a new one has the values of `partition_by`); `data` is None where it is only shown."""
        return self.form_class(data=data, instance=instance)

    def get_fields(self) -> Sequence[str]:
        """The fields that this audience sees, of those in `fields`. Default: all.

        def audience(self, user, project):
            return "staff" if user.is_staff else "members"

        def get_fields(self):
            return self.fields if self.audience_key == "staff" else ["id", "title"]
        """
        return self.fields

    def get_template_name(self) -> str | None:
        """The template of a row for this audience. Default: `template_name`."""
        return self.template_name

    # what the rooms below ask

    def wire_params(self) -> dict[str, Any]:
        """The parameters as JSON has them: what a client sends to mean the same."""
        plain: dict[str, Any] = msgspec.to_builtins(self.params, enc_hook=str)
        return plain

    def params_key(self) -> bytes:
        """The parameters as text that is the same for all who mean the same."""
        return msgspec.json.encode(self.params, order="deterministic", enc_hook=str)

    def view(self, format: str) -> str:
        """A tag of what is seen of a row, and by whom: rows of another view are no base for a delta."""
        serializer = getattr(self.serializer_class, "__qualname__", None)
        seen = (self.audience_key, list(self.get_fields()), serializer, self.get_template_name(), format)
        return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:12]

    @classmethod
    def serves(cls, format: str) -> bool:
        """Whether this format is to be had: "html" needs a template, "data" fields, "value:..." a live value."""
        kind, _, name = format.partition(":")
        if kind == "value":
            return name in cls.values()
        return bool(cls.template_name) if kind == "html" else bool(cls.fields or cls.serializer_class)

    @classmethod
    def is_presence(cls) -> bool:
        """Whether its rows say who is somewhere."""
        return cls.model._meta.label_lower == "realtime.presence"

    @classmethod
    def database(cls) -> str:
        """The alias of the database that holds the rows and the log of their changes."""
        return router.db_for_write(cls.model)

    @classmethod
    def parameters(cls) -> Mapping[str, inspect.Parameter]:
        """The parameters of the stream: the arguments of `get_queryset`."""
        return signature(cls.get_queryset, skip=1).parameters

    @classmethod
    def clean_params(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, converted and with their defaults. Raise `BadParameters`."""
        parameters = cls.parameters()
        allowed = ", ".join(parameters) or "none"
        for name in given:
            if name not in parameters:
                raise BadParameters(f"The stream {cls.name!r} has no parameter {name!r}; it has: {allowed}.")

        cleaned = {}
        for name, parameter in parameters.items():
            if name in given and (given[name] is not None or parameter.default is not None):
                cleaned[name] = cls.clean_param(name, given[name])
            elif parameter.default is inspect.Parameter.empty:
                raise BadParameters(f"The stream {cls.name!r} needs the parameter {name!r}; it has: {allowed}.")
            else:
                cleaned[name] = parameter.default
        return cleaned

    @classmethod
    def clean_param(cls, name: str, value: Any) -> Any:
        """One parameter, converted. Raise `BadParameters`."""
        wrong = BadParameters(f"The parameter {name!r} of the stream {cls.name!r} has a value of a wrong type.")
        if isinstance(value, str) and (len(value) > settings.MAX_PARAM_LENGTH or "\x00" in value):
            raise wrong
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise wrong
        annotation = signature(cls.get_queryset, skip=1).hints.get(name)
        try:
            if annotation is not None:
                value = msgspec.convert(value, annotation, strict=False)
            elif name in cls.partition_by:
                value = _cleaned(cls.model._meta.get_field(name), value)
            elif not isinstance(value, str | int | float | None):
                raise wrong
        except (msgspec.ValidationError, ValidationError, ValueError, TypeError, OverflowError):
            raise wrong from None
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise wrong
        return value

    @classmethod
    def partition_values(cls, params: Mapping[str, Any]) -> dict[str, str | None]:
        """The values that a change has to have to concern these parameters; a parameter of None matches any."""
        return {
            name: key_text(_as_stored(target(cls.model._meta.get_field(name)), params[name]))
            for name in cls.partition_by
            if params.get(name) is not None
        }

    @classmethod
    def dependencies(cls) -> Sequence[Dependency]:
        """The models along `depends_on`, each with the way that leads to it. Raise `FieldDoesNotExist`."""
        found: list[Dependency] = []
        for path in cls.depends_on:
            found += follow(cls.model, path)
        return tuple(dict.fromkeys(found))

    @classmethod
    def actions(cls) -> Mapping[str, Mapping[str, Any]]:
        """The names of the actions, with the options of `@action`."""
        members = inspect.getmembers(cls, lambda member: hasattr(member, ACTION))
        own = {name: getattr(member, ACTION) for name, member in members}
        return {name: {"permission": None} for name in FORM_ACTIONS if cls.form_class} | own

    @classmethod
    def values(cls) -> Mapping[str, Mapping[str, Any]]:
        """The names of the live values, with the options of `@live_value`."""
        members = inspect.getmembers(cls, lambda member: hasattr(member, LIVE_VALUE))
        return {name: getattr(member, LIVE_VALUE) for name, member in members}

    @classmethod
    def events(cls) -> Sequence[str]:
        """The names of the events that clients may send."""
        return [name for name, _ in inspect.getmembers(cls, lambda member: hasattr(member, EVENT))]

    @classmethod
    def authorize_models(cls) -> list[type[Model]]:
        """The models named in `authorize_depends_on`. Raise `LookupError` or `ValueError`."""
        models = [apps.get_model(label) for label in cls.authorize_depends_on]
        return [model._meta.concrete_model or model for model in models]

    @classmethod
    def value_models(cls) -> Mapping[str, Sequence[type[Model]]]:
        """The models that each live value depends on besides the stream's own. Raise `LookupError`."""
        found = {}
        for name, options in cls.values().items():
            models = [apps.get_model(label) for label in options["depends_on"]]
            found[name] = [model._meta.concrete_model or model for model in models]
        return found


def _as_stored(field: Any, value: Any) -> Any:
    # a parameter may be annotated with another type than its field's: 1 for True, "07" for 7
    try:
        return field.to_python(value)
    except ValidationError:  # no row can have it
        return value


def _cleaned(field: Any, value: Any) -> Any:
    field = target(field)
    # True is no key 1, and 1.5 no key 1
    fitting = {bool: BooleanField, float: FloatField | DecimalField}.get(type(value))
    if fitting is not None and not isinstance(field, fitting):
        raise ValueError
    return field.to_python(value)
