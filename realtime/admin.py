"""Admin: the base of live admins; the status of the server processes, and who is present, to be looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from realtime import processes
from realtime.capture import access
from realtime.liveadmin import LiveModelAdmin
from realtime.models import Presence, Process

__all__ = ["LiveModelAdmin", "PresenceAdmin", "ProcessAdmin", "ReadOnlyAdmin"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers only
    """Rows that server processes write: nothing is to be changed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    """Who is where."""

    list_display = ["user", "stream", "params", "data", "since"]
    list_filter = ["stream"]
    list_select_related = ["user"]
    ordering = ["stream", "since"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """The status page, in place of a list: what all processes do together, and a way to end connections.

    Who may look has the permission `realtime.view_process`, who may end connections `realtime.end_connection` as well.
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
        reports = processes.reports()
        context = {
            **self.admin_site.each_context(request),
            "title": "Realtime status",
            "opts": self.model._meta,
            "reports": reports,
            "total": processes.total(reports),
            "queries": processes.queries(reports)[:30],
            "connections": processes.connections(reports)[:30],
            "logs": processes.logs(),
            "may_end": may_end,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "realtime/status.html", context)

    def _end(self, request: HttpRequest) -> None:
        connection, user = request.POST.get("connection", "").strip(), request.POST.get("user", "").strip()
        if connection:
            access.end_connection(connection)
            said = f"The connection {connection} is ended; its client may come back."
        elif user:
            access.end_connections(user)
            said = f"The connections of the user {user} are ended; to keep them out, deactivate the user."
        else:
            messages.error(request, "Name a connection or a user.")
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
