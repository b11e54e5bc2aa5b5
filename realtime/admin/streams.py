"""The streams of a LiveModelAdmin: versions of its list and of its objects, for whomever the admin lets see them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from django.http import HttpRequest

from realtime.changelog import get_changelog
from realtime.streams.decorators import live_value
from realtime.streams.stream import ModelStream

PERMISSIONS = ("add", "change", "delete", "view")


class AdminStream(ModelStream):
    """A version: it differs after each change that may concern what a page of the admin shows."""

    model_admin: ClassVar[Any]

    @classmethod
    def derive(cls, model_admin: Any, *, models: Sequence[str], **options: Any) -> type[Self]:
        """The stream of this ModelAdmin; `models` are the labels of models whose rows may all affect it."""

        def version(self: ModelStream) -> str:
            return get_changelog(self.database()).head()

        kind = type(model_admin)
        attributes = {
            "model": model_admin.model,
            "model_admin": model_admin,
            "version": live_value(depends_on=models)(version),
            "authorize_depends_on": tuple(model_admin.live_authorize_depends_on),
            "__module__": kind.__module__,
            "__qualname__": f"{kind.__qualname__}.{cls.__name__}",
            **options,
        }
        return type(f"{kind.__name__}{cls.__name__}", (cls,), attributes)

    def may_enter(self, request: HttpRequest) -> bool:
        return bool(self.model_admin.admin_site.has_permission(request))


class ListStream(AdminStream):
    """A version of the change list, which all who may see it share: it tells that something changed, not what."""

    def authorize(self, user: Any, **params: Any) -> bool:
        request = request_of(user)
        return self.may_enter(request) and bool(self.model_admin.has_view_or_change_permission(request))

    def audience(self, user: Any, **params: Any) -> str:
        # what the list offers depends on these: if they change, the page is reloaded
        request = request_of(user)
        may = [name for name in PERMISSIONS if getattr(self.model_admin, f"has_{name}_permission")(request)]
        return " ".join(may)


class ObjectStream(AdminStream):
    """A version of one object and of all that its form shows; and who has the form open."""

    presence = True

    @classmethod
    def derive(cls, model_admin: Any, *, models: Sequence[str], **options: Any) -> type[Self]:
        return super().derive(model_admin, models=models, partition_by=(model_admin.opts.pk.name,), **options)

    @classmethod
    def parameters(cls) -> Mapping[str, inspect.Parameter]:
        (key,) = cls.partition_by
        return {key: inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD)}

    def authorize(self, user: Any, **params: Any) -> bool:
        request = request_of(user)
        if not self.may_enter(request):
            return False
        (key,) = params.values()
        instance = self.model_admin.get_object(request, str(key))
        return instance is not None and bool(self.model_admin.has_view_or_change_permission(request, instance))

    def get_queryset(self, **params: Any) -> Any:
        return self.model._default_manager.filter(**params)


def request_of(user: Any) -> HttpRequest:
    """As much of a request as there is without one: the user."""
    request = HttpRequest()
    request.method = "GET"
    request.user = user
    return request
