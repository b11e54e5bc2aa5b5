"""The board's streams: the tasks of a project, their actions, and the present users."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from demo_project.board.forms import TaskForm
from demo_project.board.models import Column, Project, Task, progress
from realtime import ActionError, ModelStream, PresenceStream, action, live_value, register

User = AbstractBaseUser | AnonymousUser


class People(PresenceStream):
    """The present users, as avatars."""

    fields = ["user", "name", "data"]
    template_name = "board/_person.html"


@register("projects")
class ProjectStream(ModelStream):
    """The projects that a user is a member of, with their progress."""

    model = Project
    fields = ["id", "name", "total", "done"]
    template_name = "board/_project.html"
    depends_on = ["members", "tasks"]

    def authorize(self, user: User) -> bool:
        return True

    def audience(self, user: User) -> int:
        return user.pk

    def get_queryset(self) -> QuerySet[Project]:
        mine = Project.objects.filter(
            pk__in=Project.members.through.objects.filter(user=self.audience).values("project")
        )
        return mine.annotate(**progress("tasks__")).prefetch_related("members").order_by("pk")


@register("tasks")
class TaskStream(ModelStream):
    """The tasks of a project, or of one of its columns."""

    model = Task
    fields = ["id", "title", "done", "column", "position", "assignee.username"]
    template_name = "board/_task.html"
    partition_by = ["project", "column"]
    depends_on = ["assignee"]
    presence = People
    form_class = TaskForm

    def authorize(self, user: User, project: int, column: str | None = None) -> bool:
        if column is not None and column not in Column:
            return False
        return Project.objects.filter(pk=project, members=user).exists()

    def get_queryset(self, project: int, column: str | None = None) -> QuerySet[Task]:
        tasks = Task.objects.filter(project=project).select_related("assignee").order_by("position", "pk")
        return tasks if column is None else tasks.filter(column=column)

    def authorize_form(self, user: User, instance: Task | None) -> bool:
        return True  # a member may change everything on the board

    def get_form(self, user: User, *, instance: Task, data: Any) -> TaskForm:
        return TaskForm(data=data, instance=instance, project=self.params["project"])

    @action
    def add(self, user: User, title: str, column: str = Column.TODO.value) -> dict[str, int]:
        task = Task(project_id=self.params["project"], title=title.strip(), column=column)
        task.done = column == Column.DONE
        task.full_clean()
        task.save()
        return {"pk": task.pk}

    @action
    def rename(self, user: User, pk: int, title: str) -> None:
        task = self.task(pk)
        task.title = title.strip()
        task.full_clean()
        task.save()

    @action
    def done(self, user: User, pk: int, checked: bool) -> None:
        task = self.task(pk)
        task.done = checked
        task.save()

    @action
    def move(self, user: User, pk: int, column: str, before: int | None = None, after: int | None = None) -> None:
        """Move a task next to another one, or to the end of a column.

        A task in the last column is done; in any other column it is not.
        """
        task = self.task(pk)
        if column != task.column and Column.DONE in (column, task.column):
            task.done = column == Column.DONE
        task.column = column
        task.full_clean()
        task.move(column, before=before, after=after)

    @action
    def assign(self, user: User, pk: int, assignee: int | None) -> None:
        task = self.task(pk)
        if assignee is not None and not task.project.members.filter(pk=assignee).exists():
            raise ActionError("Tasks can only be assigned to members of the project.")
        task.assignee_id = assignee
        task.save()

    @action
    def delete(self, user: User, pk: int) -> None:
        self.task(pk).delete()

    def task(self, pk: int) -> Task:
        """Return the task if it is on the board of the call."""
        return Task.objects.get(pk=pk, project=self.params["project"])


@register("all-tasks")
class AllTasksStream(ModelStream):
    """The tasks of all projects of a user that match a search, the newest first."""

    model = Task
    fields = ["id", "title", "done"]
    template_name = "board/_found.html"
    depends_on = ["project__members", "assignee"]
    paginate_by = 15

    def authorize(self, user: User, **choices: object) -> bool:
        return True

    def audience(self, user: User, **choices: object) -> int:
        return user.pk

    def get_queryset(
        self, q: str = "", state: Literal["open", "done"] | None = None, projects: tuple[int, ...] = ()
    ) -> QuerySet[Task]:
        mine = Project.members.through.objects.filter(user=self.audience).values("project")
        tasks = Task.objects.filter(project__in=mine, title__icontains=q)
        if projects:
            tasks = tasks.filter(project__in=projects)
        if state:
            tasks = tasks.filter(done=state == "done")
        return tasks.select_related("project", "assignee").order_by("-pk")

    @live_value
    def count(self) -> int:
        return self.get_queryset(**self.params).count()

    @action
    def done(self, user: User, pk: int, checked: bool) -> None:
        task = Task.objects.get(pk=pk, project__members=user)
        task.done = checked
        task.save()
