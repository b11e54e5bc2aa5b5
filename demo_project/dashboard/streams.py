"""The dashboard's streams: totals of a user's projects, and the users present on their boards."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, Q, QuerySet

from demo_project.board.models import Column, Project, Task, progress
from demo_project.chat.models import Message
from realtime import ModelStream, live_value, register
from realtime.models import Presence

User = AbstractBaseUser | AnonymousUser


class Personal(ModelStream):
    """Base class of streams with rows of their own for each user."""

    def authorize(self, user: User) -> bool:
        return True

    def audience(self, user: User) -> int:
        return user.pk


@register("overview")
class OverviewStream(Personal):
    """The tasks of all projects of a user. The page shows live values computed from them."""

    model = Task
    fields = ["id"]

    def get_queryset(self) -> QuerySet[Task]:
        return Task.objects.filter(project__members=self.audience).order_by("pk")

    depends_on = ["project__members"]

    @live_value
    def open(self) -> int:
        return self.get_queryset().filter(done=False).count()

    @live_value
    def done(self) -> int:
        return self.get_queryset().filter(done=True).count()

    @live_value(depends_on=["chat.Message"])
    def messages(self) -> int:
        return Message.objects.filter(room__members=self.audience).count()

    @live_value(depends_on=["board.Project"])
    def projects(self) -> list[dict[str, object]]:
        """Return each project's number of tasks that are done, in progress, and neither."""
        doing = Q(tasks__column=Column.DOING, tasks__done=False)
        counts = {**progress("tasks__"), "doing": Count("tasks", filter=doing, distinct=True)}
        mine = Project.objects.filter(members=self.audience).annotate(**counts).order_by("pk")
        return [
            {**project, "todo": project["total"] - project["doing"] - project["done"]}
            for project in mine.values("id", "name", *counts)
        ]


@register("visitors")
class VisitorStream(Personal):
    """The users present on the boards of a user's projects. Presence is stored in rows."""

    model = Presence
    fields = ["user", "name", "params"]
    template_name = "dashboard/_visitor.html"
    depends_on = ["user"]

    def get_queryset(self) -> QuerySet[Presence]:
        projects = list(Project.objects.filter(members=self.audience).values_list("pk", flat=True))
        here = Presence.objects.filter(stream="tasks", params__project__in=projects)
        return here.select_related("user").order_by("since", "pk")
