"""The board in Django's admin. A write there appears on every open board, and in every open change list."""

from django.contrib import admin

from demo_project.board.models import Project, Task
from realtime.admin import LiveModelAdmin


@admin.register(Project)
class ProjectAdmin(LiveModelAdmin):
    list_display = ["name", "description"]
    filter_horizontal = ["members"]


@admin.register(Task)
class TaskAdmin(LiveModelAdmin):
    list_display = ["title", "project", "column", "done", "assignee"]
    list_editable = ["column", "done", "assignee"]
    list_filter = ["project", "column", "done", "assignee"]
    list_select_related = ["project", "assignee"]
    search_fields = ["title"]
    ordering = ["project", "column", "position", "pk"]
