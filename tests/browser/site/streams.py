"""Streams over the board's tasks, whose rows hold what the demo's cards do not."""

import os
import signal
from typing import Literal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from demo_project.board.models import Project, Task
from realtime import ActionError, ModelStream, action, event, live_value, register
from tests.browser.site.models import Booking, Snippet


class ProjectStream(ModelStream):
    """Tasks of a project, for its members."""

    model = Task
    fields = ["id", "title", "done"]
    partition_by = ["project"]

    def authorize(self, user, project: int) -> bool:
        return Project.objects.filter(pk=project, members=user).exists()

    def get_queryset(self, project: int) -> QuerySet[Task]:
        return Task.objects.filter(project=project).order_by("position", "pk")


@register("lines")
class LineStream(ProjectStream):
    """Rows of a table."""

    template_name = "site/line.html"


@register("plain")
class PlainStream(ProjectStream):
    """Rows with forms that know nothing of realtime."""

    template_name = "site/plain.html"


@register("fresh")
class FreshStream(ProjectStream):
    """Tasks that are unread until they are seen, except those of the assignee."""

    template_name = "site/fresh.html"
    authorize_depends_on = ["board.Project_members"]
    unread_by = "pk"
    unread_except = "assignee"


@register("counted")
class CountedStream(ProjectStream):
    """Rows that show a count of the viewer."""

    template_name = "site/counted.html"


@register("notes")
class NoteStream(ProjectStream):
    """Rows with every kind of field, and with what a user can open."""

    template_name = "site/note.html"
    partition_by = ["project", "column"]
    authorize_depends_on = ["board.Project_members"]
    presence = True

    def authorize(self, user, project: int, column: str | None = None) -> bool:
        return super().authorize(user, project)

    def get_queryset(self, project: int, column: str | None = None) -> QuerySet[Task]:
        tasks = super().get_queryset(project)
        return tasks if column is None else tasks.filter(column=column)

    @action
    def rename(self, user, pk: int, title: str) -> None:
        task = Task.objects.get(pk=pk, project=self.params["project"])
        task.title = title
        task.full_clean()
        task.save()

    @action
    def add(self, user, title: str) -> int:
        return Task.objects.create(project_id=self.params["project"], title=title, column="todo").pk

    @action
    def add_and_die(self, user, title: str) -> int:
        """The process is killed when the transaction has been committed, before anyone is told."""
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        return self.add(user, title)

    @action
    def refuse(self, user, **fields: str) -> None:
        raise ActionError("Not today.")

    @event
    def pointing(self, user, x: int) -> None: ...

    @action
    def crash(self, user) -> None:
        raise RuntimeError("the secret of the vault")


@register("first-three")
class FirstStream(ProjectStream):
    """The first three tasks."""

    template_name = "site/item.html"

    def get_queryset(self, project: int) -> QuerySet[Task]:
        return super().get_queryset(project)[:3]


@register("single")
class SingleStream(ModelStream):
    """One task, for the members of its project, while it is to do."""

    model = Task
    template_name = "site/owned.html"
    partition_by = ["id"]
    depends_on = ["assignee"]

    def authorize(self, user, id: int) -> bool:
        return True

    def get_queryset(self, id: int) -> QuerySet[Task]:
        return Task.objects.filter(pk=id, column="todo")


@register("paged")
class PagedStream(ProjectStream):
    """Tasks by title, ten at a time, that a reader looks for."""

    template_name = "site/found.html"
    paginate_by = 10

    def authorize(self, user, project: int, q: str = "") -> bool:
        return super().authorize(user, project)

    def get_queryset(self, project: int, q: str = "") -> QuerySet[Task]:
        return Task.objects.filter(project=project, title__contains=q).order_by("title", "pk")


@register("found")
class FoundStream(ProjectStream):
    """The tasks that a reader looks for."""

    template_name = "site/found.html"

    def authorize(self, user, project: int, **choices: object) -> bool:
        return super().authorize(user, project)

    def get_queryset(
        self,
        project: int,
        q: str = "",
        state: Literal["open", "done"] | None = None,
        least: int = 0,
        sort: Literal["title", "-title"] = "title",
        columns: tuple[Literal["todo", "doing", "done"], ...] = (),
        owners: tuple[int, ...] = (),
    ) -> QuerySet[Task]:
        if least < 0:
            raise ValidationError({"least": "No task stands before 0."})
        tasks = Task.objects.filter(project=project, title__icontains=q, position__gte=least).order_by(sort, "pk")
        if columns:
            tasks = tasks.filter(column__in=columns)
        if owners:
            tasks = tasks.filter(assignee__in=owners)
        return tasks if state is None else tasks.filter(done=state == "done")

    @live_value
    def count(self) -> int:
        return self.get_queryset(**self.params).count()

    @action
    def finish(self, user, pk: int) -> None:
        """One of the tasks that are shown."""
        task = self.get_queryset(**self.params).get(pk=pk)
        task.done = True
        task.save()


@register("bookings")
class BookingStream(ProjectStream):
    """Rows whose key has two columns."""

    model = Booking
    fields = ["room", "place", "name"]
    template_name = "site/booking.html"

    def get_queryset(self, project: int) -> QuerySet[Booking]:
        return Booking.objects.filter(project=project).order_by("position")


@register("snippets")
class SnippetStream(ProjectStream):
    """Rows of any markup."""

    model = Snippet
    fields = ["id", "html"]
    template_name = "site/snippet.html"

    def get_queryset(self, project: int) -> QuerySet[Snippet]:
        return Snippet.objects.filter(project=project).order_by("position")

    @action
    def refuse(self, user, **fields: str) -> None:
        raise ValidationError(dict.fromkeys(fields, "Not this."))

    @action
    def keep(self, user, pk: int) -> None:
        Snippet.objects.filter(pk=pk, project=self.params["project"]).update(html="<li>kept</li>")
