"""A second admin over the board's tasks, whose list has what that of the demo has not."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from demo_project.board.models import Project, Task
from realtime.admin import LiveModelAdmin

desk = admin.AdminSite(name="desk")


@admin.register(User, site=desk)
class UserAdmin(admin.ModelAdmin):
    search_fields = ["username"]


@admin.register(Task, site=desk)
class TaskAdmin(LiveModelAdmin):
    """Three tasks on a page, of the user's own projects, with titles to type in and assignees to look for."""

    list_display = ["id", "title", "assignee", "column", "done", "in_words"]
    list_editable = ["title", "assignee"]
    autocomplete_fields = ["assignee"]
    list_filter = ["project", "column"]
    search_fields = ["title"]
    ordering = ["title"]
    list_per_page = 3
    fields = ["title", "column", "done"]
    live_depends_on = ["board.Project_members"]

    @admin.display(description="In words")
    def in_words(self, task: Task) -> str:
        return format_html("<b>{}</b> of {}", task.get_column_display(), task.project)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        projects = Project.objects.filter(members=request.user)
        return super().get_queryset(request).filter(project__in=projects).select_related("project")
