"""The board's stream: who sees it, and what its actions do."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from demo_project.board.models import Project, Task
from demo_project.board.streams import AllTasksStream, TaskStream
from realtime import ActionError


def person(username: str) -> Any:
    return get_user_model().objects.get(username=username)


@pytest.fixture
def stream(board: Project) -> TaskStream:
    return TaskStream({"project": board.pk, "column": None})


@pytest.fixture
def task(board: Project) -> Task:
    """The first task to do."""
    return board.tasks.filter(column="todo").first()


def test_members_see_the_tasks(stream: TaskStream, board: Project, other_board: Project) -> None:
    assert stream.authorize(person("cleo"), project=board.pk) is True
    assert stream.authorize(person("cleo"), project=board.pk, column="doing") is True
    assert stream.authorize(person("cleo"), project=other_board.pk) is False
    assert stream.authorize(person("cleo"), project=4711) is False


def test_superuser_needs_to_be_a_member(stream: TaskStream, board: Project) -> None:
    board.members.remove(person("ada"))

    assert stream.authorize(person("ada"), project=board.pk) is False


def test_column_that_does_not_exist_is_refused(stream: TaskStream, board: Project) -> None:
    assert stream.authorize(person("ada"), project=board.pk, column="nowhere") is False


def test_visitors_are_not_asked_about() -> None:
    assert TaskStream.allow_anonymous is False


def test_rows_are_those_of_the_project_or_of_a_column(stream: TaskStream, board: Project) -> None:
    assert list(stream.get_queryset(board.pk)) == list(board.tasks.all())
    assert list(stream.get_queryset(board.pk, "doing")) == list(board.tasks.filter(column="doing"))


def test_add_puts_a_task_at_the_end_of_a_column(stream: TaskStream, board: Project) -> None:
    result = stream.add(person("ben"), title="  Buy milk ", column="doing")

    task = board.tasks.filter(column="doing").last()
    assert result == {"pk": task.pk}
    assert (task.title, task.done, task.assignee) == ("Buy milk", False, None)


def test_task_added_to_the_last_column_is_done(stream: TaskStream) -> None:
    result = stream.add(person("ben"), title="Buy milk", column="done")

    assert Task.objects.get(**result).done is True


@pytest.mark.parametrize(
    ("args", "details"),
    [
        ({"title": "  "}, {"title": ["A task needs a title."]}),
        (
            {"title": "x" * 121},
            {"title": ["Ensure this value has at most 120 characters (it has 121)."]},
        ),
        ({"title": "Buy milk", "column": "nowhere"}, {"column": ["Value 'nowhere' is not a valid choice."]}),
    ],
)
def test_add_refuses_what_the_model_refuses(
    stream: TaskStream, args: dict[str, str], details: dict[str, list[str]]
) -> None:
    count = Task.objects.count()
    with pytest.raises(ValidationError) as refused:
        stream.add(person("ben"), **args)

    assert refused.value.message_dict == details
    assert Task.objects.count() == count


def test_rename(stream: TaskStream, task: Task) -> None:
    stream.rename(person("ben"), pk=task.pk, title=" New title")
    task.refresh_from_db()

    assert task.title == "New title"


def test_rename_to_nothing_is_refused(stream: TaskStream, task: Task) -> None:
    with pytest.raises(ValidationError, match=r"A task needs a title\."):
        stream.rename(person("ben"), pk=task.pk, title=" ")


def test_done_sets_and_clears(stream: TaskStream, task: Task) -> None:
    stream.done(person("ben"), pk=task.pk, checked=True)
    task.refresh_from_db()
    assert (task.done, task.column) == (True, "todo")

    stream.done(person("ben"), pk=task.pk, checked=False)
    task.refresh_from_db()
    assert (task.done, task.column) == (False, "todo")


def test_move_puts_a_task_before_another(stream: TaskStream, board: Project, task: Task) -> None:
    doing = board.tasks.filter(column="doing")
    second = doing[1]
    stream.move(person("ben"), pk=task.pk, column="doing", before=second.pk)

    assert list(doing.all())[1:3] == [task, second]


def test_move_into_the_last_column_and_out_of_it(stream: TaskStream, task: Task) -> None:
    stream.move(person("ben"), pk=task.pk, column="done")
    task.refresh_from_db()
    assert (task.column, task.done) == ("done", True)

    stream.move(person("ben"), pk=task.pk, column="doing")
    task.refresh_from_db()
    assert (task.column, task.done) == ("doing", False)


def test_move_to_a_column_that_does_not_exist_is_refused(stream: TaskStream, task: Task) -> None:
    with pytest.raises(ValidationError, match=r"Value 'nowhere' is not a valid choice\."):
        stream.move(person("ben"), pk=task.pk, column="nowhere")


def test_assign_to_a_member_and_to_nobody(stream: TaskStream, task: Task) -> None:
    stream.assign(person("ben"), pk=task.pk, assignee=person("cleo").pk)
    task.refresh_from_db()
    assert task.assignee == person("cleo")

    stream.assign(person("ben"), pk=task.pk, assignee=None)
    task.refresh_from_db()
    assert task.assignee is None


def test_assign_to_a_stranger_is_refused(board: Project, other_board: Project) -> None:
    stream = TaskStream({"project": other_board.pk, "column": None})
    with pytest.raises(ActionError, match=r"Tasks can only be assigned to members of the project\."):
        stream.assign(person("ben"), pk=other_board.tasks.first().pk, assignee=person("cleo").pk)


def test_delete(stream: TaskStream, task: Task) -> None:
    stream.delete(person("ben"), pk=task.pk)

    assert not Task.objects.filter(pk=task.pk).exists()


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("rename", {"title": "Mine"}),
        ("done", {"checked": True}),
        ("move", {"column": "done"}),
        ("assign", {"assignee": None}),
        ("delete", {}),
    ],
)
def test_actions_do_not_reach_tasks_of_other_boards(
    stream: TaskStream, other_board: Project, action: str, args: dict[str, Any]
) -> None:
    foreign = other_board.tasks.first()
    with pytest.raises(Task.DoesNotExist):
        getattr(stream, action)(person("cleo"), pk=foreign.pk, **args)


class TestAllTasks:
    def test_search_is_in_the_projects_of_the_user_alone(self, board: Project, other_board: Project) -> None:
        foreign = other_board.tasks.first()
        found = {name: AllTasksStream({}, person(name).pk).get_queryset(q=foreign.title) for name in ("ben", "cleo")}

        assert {name: list(tasks) for name, tasks in found.items()} == {"ben": [foreign], "cleo": []}

    def test_state_narrows_it(self, board: Project, other_board: Project) -> None:
        stream = AllTasksStream({}, person("cleo").pk)

        assert set(stream.get_queryset(state="done")) == set(
            Task.objects.filter(done=True).exclude(project=other_board)
        )
        assert set(stream.get_queryset(state="open")) | set(stream.get_queryset(state="done")) == set(
            stream.get_queryset()
        )

    def test_tick_needs_a_task_of_ones_own_projects(self, board: Project, other_board: Project) -> None:
        foreign = other_board.tasks.filter(done=False).first()
        AllTasksStream({}, person("ben").pk).done(person("ben"), pk=foreign.pk, checked=True)
        foreign.refresh_from_db()
        assert foreign.done is True

        with pytest.raises(Task.DoesNotExist):
            AllTasksStream({}, person("cleo").pk).done(person("cleo"), pk=foreign.pk, checked=False)
