"""The board's models: projects with members, and their tasks in columns."""

from __future__ import annotations

from math import inf

from django.conf import settings
from django.db import models, transaction

STEP = 1024.0  # distance between two tasks: about 60 moves fit between them before a column is renumbered


def progress(prefix: str = "") -> dict[str, models.Count]:
    """Return the aggregates of "7 of 19 done": all tasks, and those that are ticked, whichever column they are in.

    `prefix` is the path to the tasks, such as "tasks__".
    """
    tasks = models.F(f"{prefix}pk")
    ticked = models.Q(**{f"{prefix}done": True})
    return {
        "total": models.Count(tasks, distinct=True),
        "done": models.Count(tasks, filter=ticked, distinct=True),
    }


class Project(models.Model):
    """A board. Its members see it and may change everything on it."""

    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="projects", blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Column(models.TextChoices):
    TODO = "todo", "To do"
    DOING = "doing", "Doing"
    DONE = "done", "Done"


class PositionField(models.FloatField):
    """A position in a column. A task that is saved without one is put at the end."""

    # both save() and bulk_create() call pre_save
    def pre_save(self, model_instance: models.Model, add: bool) -> float:
        if model_instance.position is None:
            column = Task.objects.filter(project=model_instance.project_id, column=model_instance.column)
            last = column.aggregate(last=models.Max("position"))["last"]
            model_instance.position = STEP if last is None else last + STEP
        return super().pre_save(model_instance, add)


class Task(models.Model):
    """A card on a board. Its order in the column is `position`, then the primary key."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=120, error_messages={"blank": "A task needs a title."})
    column = models.CharField(max_length=8, choices=Column, default=Column.TODO)
    position = PositionField(blank=True, help_text="If empty, the task goes to the end of its column.")
    done = models.BooleanField(default=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, related_name="tasks", null=True, blank=True
    )

    class Meta:
        ordering = ["position", "pk"]
        indexes = [models.Index(fields=["project", "column", "position"], name="board_task_in_column")]

    def __str__(self) -> str:
        return self.title

    @transaction.atomic
    def move(self, column: str, *, before: int | None = None, after: int | None = None) -> None:
        """Move the task to `column`, next to the task `before` or `after`, and save it.

        Without a neighbour, or if the neighbour has left the column, it is put at the end. Other rows are only
        written if there is no number left between the two neighbours.
        """
        others = list(Task.objects.filter(project=self.project_id, column=column).exclude(pk=self.pk))
        keys = [task.pk for task in others]
        if before in keys:
            index = keys.index(before)
        elif after in keys:
            index = keys.index(after) + 1
        else:
            index = len(others)

        self.column = column
        low = others[index - 1].position if index > 0 else -inf
        high = others[index].position if index < len(others) else inf
        self.position = _between(low, high)
        if not low < self.position < high:
            _renumber([*others[:index], self, *others[index:]])
        self.save()


def _between(low: float, high: float) -> float:
    if low == -inf and high == inf:
        return STEP
    if low == -inf:
        return high - STEP
    if high == inf:
        return low + STEP
    return (low + high) / 2


def _renumber(tasks: list[Task]) -> None:
    for number, task in enumerate(tasks, start=1):
        task.position = number * STEP
        task.save(update_fields=["column", "position"])
