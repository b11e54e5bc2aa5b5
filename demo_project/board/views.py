"""The board's pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from demo_project.board.models import Column, Project, progress


@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """Show the projects that the user is a member of."""
    return render(request, "board/projects.html")


@login_required
def board(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the board of a project."""
    project = request.user.projects.filter(pk=pk).first()
    if project is None:
        # the same page for "forbidden" and "not found", so that nobody learns which projects exist
        return render(request, "board/no_board.html", status=404)

    return render(request, "board/board.html", board_context(project))


def board_context(project: Project) -> dict[str, Any]:
    """Return what the template of a board shows."""
    counts = project.tasks.aggregate(
        **progress(),
        **{f"in_{column}": Count("pk", filter=Q(column=column)) for column in Column.values},
    )
    return {
        "project": project,
        "members": project.members.order_by("pk"),
        "columns": [(column, counts[f"in_{column}"]) for column in Column],
        "counts": counts,
    }


@login_required
def tasks(request: HttpRequest) -> HttpResponse:
    """Show a search in the tasks of all projects of the user."""
    return render(request, "board/tasks.html", {"projects": request.user.projects.order_by("name")})


@login_required
def task(request: HttpRequest, project: int, pk: int) -> HttpResponse:
    """Show the form of a task. It also works without JavaScript."""
    board = request.user.projects.filter(pk=project).first()
    if board is None:
        return render(request, "board/no_board.html", status=404)
    context = {"project": board, "task": get_object_or_404(board.tasks, pk=pk)}
    return render(request, "board/task.html", context)
