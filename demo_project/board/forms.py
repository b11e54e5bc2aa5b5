"""The form of a task."""

from __future__ import annotations

from typing import Any

from django import forms

from demo_project.board.models import Project, Task


class TaskForm(forms.ModelForm):
    """Title, assignee and whether the task is done. Only members of the project can be assigned."""

    class Meta:
        model = Task
        fields = ["title", "assignee", "done"]

    def __init__(self, *args: Any, project: int, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        assignee = self.fields["assignee"]
        assignee.queryset = Project.objects.get(pk=project).members.order_by("pk")
        assignee.label_from_instance = lambda user: user.get_full_name() or user.get_username()
        assignee.empty_label = "Nobody"
