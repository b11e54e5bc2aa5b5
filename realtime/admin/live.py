"""LiveModelAdmin: a ModelAdmin with a live change list, and with forms that warn about concurrent changes.

Its pages subscribe only to a version number. When it changes, the page fetches itself again and shows the
differences. So filters, search, order, pages and cells always come from the admin itself, and users see only
what the admin's own view shows them.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import Model
from django.forms import Media
from django.forms.models import _get_foreign_key  # as Django's own inlines find it
from django.forms.widgets import MediaAsset, Script
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from realtime.admin.streams import ListStream, ObjectStream
from realtime.capture import install
from realtime.exceptions import ClientError
from realtime.streams.registry import registry
from realtime.streams.relations import follow
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.admin")

REFRESH = "Realtime-Refresh"  # the header of a page that reloads itself
SINCE = "_realtime_since"  # the field with the cursor of the form that is shown again
FORMAT = "value:version"


class LiveModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers only
    """A ModelAdmin with a live change list, and with forms that warn when someone else changes the object.

    Subclass it in place of `ModelAdmin`, or list it first: `class StaffAdmin(LiveModelAdmin, UserAdmin)`.
    Register it in the app's `admin.py`, so that every process knows the live models.

        @admin.register(Task)
        class TaskAdmin(LiveModelAdmin):
            list_display = ["title", "assignee", "open_comments"]
            live_depends_on = ["board.Comment"]  # open_comments counts them
    """

    live_depends_on: ClassVar[Sequence[str]] = ()
    """More models ("app.Model") that the list or `get_queryset` reads. Models in the options need not be named."""

    live_authorize_depends_on: ClassVar[Sequence[str]] = ()
    """Models that the `has_…_permission` methods read. When one of their rows changes, access is checked again."""

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        name = f"{admin_site.name}:{model._meta.label_lower}"
        paths, labels = _form_dependencies(self)
        streams: list[type[ModelStream]] = [
            ListStream.derive(self, models=[*_list_models(self), *self.live_depends_on]),
            ObjectStream.derive(self, models=labels, depends_on=paths),
        ]
        self._live_names = (name, f"{name}:object")
        for stream, own in zip(streams, self._live_names, strict=True):
            if own in registry:  # another class has taken the place of the first
                registry.remove(own)
            registry.add(own, stream)
        install.reinstall()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        cursor = self._live_begin(request)
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if changelist := context.get("cl"):
            about = {
                "kind": "list",
                "live": self._live_attributes(request, self._live_names[0], {}, cursor),
                "keys": [str(item.pk) for item in changelist.result_list],
                "count": _counted(changelist),
                "pk": str(self.opts.pk.name),
                # what was posted and refused is shown, and is not to be lost
                "paused": request.method == "POST",
                "texts": _list_texts(),
            }
            self._live_attach(request, context, about)
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        cursor = self._live_begin(request)
        response = super().changeform_view(request, object_id, form_url, extra_context)
        context = getattr(response, "context_data", None) or {}
        original = context.get("original")
        if object_id is not None and original is not None:
            posted = request.method == "POST"
            cursor = request.POST.get(SINCE) or cursor
            params = {str(self.opts.pk.name): original.pk}
            about = {
                "kind": "form",
                "live": self._live_attributes(request, self._live_names[1], params, cursor),
                "stream": self._live_names[1],
                "user": str(request.user.pk),
                "since": {"name": SINCE, "cursor": cursor},
                "posted": posted,
                "texts": _form_texts(capfirst(str(self.opts.verbose_name))),
            }
            self._live_attach(request, context, about)
        return response

    def _live_begin(self, request: HttpRequest) -> str:
        """The position of the page that is going to be read: what is written from now on comes as a change."""
        if REFRESH in request.headers:
            # the messages of a page that the user is waiting for elsewhere are not to be used up here
            request._messages = _NoMessages(request)  # type: ignore[attr-defined]
        from realtime.queries.page import page_position  # not at start, since every process imports this module

        return page_position(router.db_for_write(self.model), request)

    def _live_attributes(
        self, request: HttpRequest, name: str, params: Mapping[str, Any], cursor: str
    ) -> dict[str, str] | None:
        from realtime.protocol.codec import encode_value  # here for the same reason
        from realtime.queries.page import page_part

        try:
            part = page_part(request.user, name, params, FORMAT, page=request)
        except ClientError:  # access has gone since the view has shown the page
            return None
        except Exception:  # a method that wants more of a request than its user: the page is as good as without
            logger.exception("The admin page %s is not live: access cannot be checked without its request.", name)
            return None
        return {
            "data-live": name,
            "data-live-format": FORMAT,
            "data-live-params": encode_value(part.params).decode(),
            "data-live-cursor": cursor,
            "data-live-fingerprint": part.fingerprint,
            "data-live-token": part.token,
        }

    def _live_attach(self, request: HttpRequest, context: dict[str, Any], about: Mapping[str, Any]) -> None:
        if about["live"] is None:
            return
        script = Script("realtime/admin.js", type="module", **{"data-realtime-admin": json.dumps(about)})
        scripts: list[Any] = [_BrowserScript(request), script]
        context["media"] = context["media"] + Media(css={"all": ["realtime/admin.css"]}, js=scripts)


class _BrowserScript(MediaAsset):
    """The JavaScript client, as `{% realtime_script %}` loads it, as an asset of an admin page."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__("realtime/realtime.js")
        self._request = request

    def render(self, *, attrs: Any = None) -> SafeString:
        from realtime.templatetags.realtime import realtime_script  # here for the same reason

        return realtime_script({"request": self._request, "csp_nonce": (attrs or {}).get("nonce", "")})

    def __str__(self) -> str:
        return self.render()


class _NoMessages(BaseStorage):
    """A message storage that shows no messages and keeps them for the next page."""

    def _get(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], True

    def _store(self, messages: Any, response: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return []


def _list_models(model_admin: LiveModelAdmin) -> list[str]:
    """Return the labels of the models that the options of a change list refer to."""
    opts = model_admin.opts
    paths: list[Any] = [*model_admin.list_display, *model_admin.search_fields, *(opts.ordering or ())]
    paths += [item[0] if isinstance(item, list | tuple) else item for item in model_admin.list_filter]
    paths += [*(model_admin.ordering or ()), model_admin.date_hierarchy]
    if model_admin.list_select_related is True:
        paths += [field.name for field in opts.get_fields() if field.many_to_one and field.concrete]
    elif isinstance(model_admin.list_select_related, list | tuple):
        paths += model_admin.list_select_related
    for name in model_admin.list_display:
        method = name if callable(name) else getattr(model_admin, str(name), None)
        paths.append(getattr(method, "admin_order_field", None))
    found = (model for path in paths if isinstance(path, str) for model in _along(model_admin.model, path))
    return sorted({model._meta.label for model in found})


def _along(model: type[Model], path: str) -> Iterator[type[Model]]:
    with contextlib.suppress(FieldDoesNotExist):  # where the path ends in a lookup, or names a method or an annotation
        for dependency in follow(model, path.lstrip("-^=@")):
            yield dependency.model


def _form_dependencies(model_admin: LiveModelAdmin) -> tuple[list[str], list[str]]:
    """What else a form shows: relations of its object, and models of inlines that no relation leads to."""
    opts = model_admin.opts
    paths, labels = [field.name for field in opts.many_to_many], []
    for inline in model_admin.inlines:
        try:
            key = _get_foreign_key(model_admin.model, inline.model, fk_name=getattr(inline, "fk_name", None))
            paths.append(opts.get_field(key.remote_field.name).name)
        except (ValueError, FieldDoesNotExist, AttributeError):  # a generic relation, or one without a way back
            labels.append(inline.model._meta.label)
    return list(dict.fromkeys(paths)), labels


def _counted(changelist: Any) -> str:
    opts, count = changelist.opts, changelist.result_count
    return f"{count} {opts.verbose_name if count == 1 else opts.verbose_name_plural}"


def _list_texts() -> dict[str, str]:
    return {
        "live": _("Live"),
        "offline": _("Offline: the list may be out of date."),
        "stopped": _("Live updates have stopped."),
        "denied": _("You no longer have permission to view this list."),
        "paused": _("Live updates are paused until you correct the errors."),
        "again": _("Reload"),
        "added": _("{number} added"),
        "changed": _("{number} changed"),
        "gone": _("{number} removed"),
        "kept": _("No longer in this list; kept because you are editing it."),
    }


def _form_texts(name: str) -> dict[str, str]:
    names = {"name": name}
    return {
        "changed": _("%(name)s has changed since you opened it. Saving overwrites those changes.") % names,
        "fields": _("Changed fields:"),
        "deleted": _("%(name)s has been deleted, or you can no longer see it.") % names,
        "denied": _("You no longer have permission to view this page."),
        "again": _("Reload"),
        "people": _("Also viewing:"),
        "editing": _("is editing"),
    }
