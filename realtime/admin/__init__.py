"""Admin: the base class of live admins, the status page, and the present users."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from realtime.admin.live import LiveModelAdmin
from realtime.capture import access
from realtime.hub import reports
from realtime.models import Presence, Process

__all__ = ["LiveModelAdmin", "PresenceAdmin", "ProcessAdmin", "ReadOnlyAdmin"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers only
    """A read-only admin for rows that server processes write."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) and self._has_urls()

    def _has_urls(self) -> bool:
        # not where the project serves a site of its own, and a page such as one of admindocs lists the default one
        site = self.admin_site.name
        try:
            reverse(f"{site}:app_list", kwargs={"app_label": self.opts.app_label}, current_app=site)
        except NoReverseMatch:
            return False
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    """The present users of each stream."""

    list_display = ["user", "stream", "params", "data", "since"]
    list_filter = ["stream"]
    list_select_related = ["user"]
    ordering = ["stream", "since"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """The status page of all server processes, in place of a change list. Administrators can close connections here.

    It needs the permission `realtime.view_process`, and `realtime.end_connection` to close connections.
    """

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_end = request.user.has_perm("realtime.end_connection")
        if request.method == "POST":
            if not may_end:
                raise PermissionDenied
            self._end(request)
            return HttpResponseRedirect(request.path)
        found = reports.reports()
        context = {
            **self.admin_site.each_context(request),
            "title": "Realtime status",
            "opts": self.model._meta,
            "reports": [(report, _ago(report.age)) for report in found],
            "total": reports.total(found),
            "queries": reports.queries(found)[:30],
            "connections": reports.connections(found)[:30],
            "logs": [(log, _ago(log.oldest)) for log in reports.logs()],
            "may_end": may_end,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "realtime/status.html", context)

    def _end(self, request: HttpRequest) -> None:
        # NUL, which PostgreSQL does not store, is in no id
        connection, user = (request.POST.get(name, "").replace("\0", "").strip() for name in ("connection", "user"))
        if connection:
            access.end_connection(connection)
            said = f"The connection {connection} is closed. Its client may reconnect."
        elif user:
            access.end_connections(user)
            said = f"The connections of the user {user} are closed. To keep the user out, deactivate the account."
        else:
            messages.error(request, "Enter a connection or a user ID.")
            return
        assert request.user.pk is not None
        LogEntry.objects.create(
            user_id=request.user.pk,
            content_type_id=ContentType.objects.get_for_model(Process).pk,
            object_repr=(connection or f"user {user}")[:200],
            action_flag=CHANGE,
            change_message=said,
        )
        messages.success(request, said)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect("../..")


def _ago(seconds: float) -> str:
    """Return the time since a moment in words, such as "27 minutes ago"."""
    return str(naturaltime(timezone.now() - timedelta(seconds=seconds)))
