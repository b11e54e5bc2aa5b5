"""What the board's members see of each other's work: the example of docs/guides/testing.md."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from demo_project.board.models import Project, Task
from realtime.exceptions import Forbidden
from realtime.protocol.codec import encode_frame
from realtime.queries.query_key import query_key
from realtime.queries.tick import Want
from realtime.streams.registry import registry
from realtime.testing import Viewer, capture_pushes
from realtime.testing.databases import tail_of


@pytest.fixture
def board_of(board: Project):
    """`board_of("ada")`: the board as ada has it open; `board_of("ada", column="doing")` is one of its columns."""

    def board_of(username: str, **params: Any) -> Viewer:
        user = get_user_model().objects.get(username=username)
        return Viewer("tasks", {"project": board, **params}, user=user)

    return board_of


def test_task_that_is_ticked_off_reaches_all_members(board, board_of):
    ada, cleo = board_of("ada"), board_of("cleo")
    task = board.tasks.filter(done=False).first()

    with capture_pushes(ada, cleo) as pushed:
        task.done = True
        task.save()

    assert pushed.reached == [ada, cleo]
    assert pushed[cleo].puts[str(task.pk)]["done"] is True


def test_task_that_moves_leaves_one_column_and_enters_the_other(board, board_of):
    todo, doing, done = (board_of("ada", column=column) for column in ("todo", "doing", "done"))
    task = board.tasks.filter(column="todo").first()

    with capture_pushes(todo, doing, done) as pushed:
        task.move("doing")

    assert pushed.reached == [todo, doing]
    assert pushed[todo].drops == [str(task.pk)]
    assert doing.keys[-1] == str(task.pk)


def test_other_boards_are_not_reached(other_board, board_of):
    ada = board_of("ada")
    with capture_pushes(ada) as pushed:
        Task.objects.create(project=other_board, title="Elsewhere")

    assert pushed.changes
    assert not pushed[ada]


def test_stranger_sees_no_board(other_board):
    cleo = get_user_model().objects.get(username="cleo")
    with pytest.raises(Forbidden):
        Viewer("tasks", {"project": other_board}, user=cleo).refresh()


def test_assignee_who_is_renamed_changes_their_tasks(board, board_of):
    ada = board_of("ada")
    task = board.tasks.filter(assignee__username="ben").first()

    with capture_pushes(ada) as pushed:
        task.assignee.username = "benjamin"
        task.assignee.save()

    assert pushed[ada].puts[str(task.pk)]["assignee.username"] == "benjamin"


def test_ticked_checkbox_costs_at_most_300_bytes(board):
    """Its row has been sent before: of a row that a page has rendered, it is not known which version that was."""
    tail, stream = tail_of("default"), registry.get("tasks")({"project": board.pk}, None)
    want = Want(query_key(stream, "html"), None)
    tail.tick({want: stream}, ())
    task = board.tasks.first()
    sizes = []
    for done in (True, False, True):
        task.done = done
        task.save()
        tick = tail.tick({}, ())
        [delta] = tick.deltas.values()
        frame = encode_frame(log=0, cursor=tick.cursor, deltas=[delta.encoded("patched")])
        sizes.append(frame.size)
    assert max(sizes[1:]) <= 300
