"""The board: order of tasks, pages, seeds."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from demo_project.board.models import STEP, Column, Project, Task
from demo_project.board.seeds import PEOPLE, seed
from demo_project.dashboard.streams import OverviewStream
from realtime.testing import Viewer, capture_pushes


def titles(project: Project, column: str = "todo") -> list[str]:
    return [task.title for task in Task.objects.filter(project=project, column=column)]


@pytest.fixture
def project(db: None) -> Project:
    """A project with the tasks one, two and three to do."""
    project = Project.objects.create(name="Trial")
    for title in ("one", "two", "three"):
        Task.objects.create(project=project, title=title)
    return project


def task(title: str) -> Task:
    return Task.objects.get(title=title)


# order


def test_new_task_stands_at_the_end_of_its_column(project: Project) -> None:
    Task.objects.create(project=project, title="elsewhere", column="doing")
    Task.objects.create(project=project, title="four")

    assert titles(project) == ["one", "two", "three", "four"]


def test_bulk_created_tasks_stand_at_the_end_in_their_order(project: Project) -> None:
    Task.objects.bulk_create([Task(project=project, title="four"), Task(project=project, title="five")])

    assert titles(project) == ["one", "two", "three", "four", "five"]


def test_given_position_is_kept(project: Project) -> None:
    Task.objects.create(project=project, title="zero", position=0)

    assert titles(project) == ["zero", "one", "two", "three"]


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ({"before": "one"}, ["three", "one", "two"]),
        ({"before": "two"}, ["one", "three", "two"]),
        ({"after": "one"}, ["one", "three", "two"]),
        ({"after": "two"}, ["one", "two", "three"]),
        ({}, ["one", "two", "three"]),
    ],
)
def test_move_within_the_column(project: Project, place: dict[str, str], order: list[str]) -> None:
    task("three").move("todo", **{side: task(title).pk for side, title in place.items()})

    assert titles(project) == order


def test_move_to_another_column(project: Project) -> None:
    task("one").move("doing")
    task("three").move("doing", before=task("one").pk)

    assert titles(project) == ["two"]
    assert titles(project, "doing") == ["three", "one"]


def test_move_next_to_a_task_that_left_the_column_goes_to_the_end(project: Project) -> None:
    task("two").move("doing")
    task("one").move("todo", before=task("two").pk)

    assert titles(project) == ["three", "one"]


def test_move_writes_one_row(project: Project) -> None:
    moved, neighbour = task("three"), task("two").pk
    with CaptureQueriesContext(
        connection,
    ) as queries:
        moved.move("todo", before=neighbour)

    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE") and "board_task" in query["sql"]]
    assert len(updates) == 1


def test_move_between_tasks_of_equal_position_numbers_the_column_anew(project: Project) -> None:
    Task.objects.update(position=7)
    task("three").move("todo", before=task("two").pk)

    assert titles(project) == ["one", "three", "two"]
    assert [task.position for task in project.tasks.all()] == [STEP, 2 * STEP, 3 * STEP]


def test_order_survives_a_hundred_moves_into_one_gap(project: Project) -> None:
    for _ in range(50):
        task("three").move("todo", before=task("two").pk)
        task("two").move("todo", before=task("three").pk)

    assert titles(project) == ["one", "two", "three"]


# seeds


def test_seed_fills_an_empty_board(board: Project) -> None:
    assert Project.objects.count() == 3
    assert {project.name: project.tasks.count() >= 12 for project in Project.objects.all()} == {
        "Website relaunch": True,
        "Mobile app 2.0": True,
        "Office move": True,
    }
    assert set(Task.objects.values_list("column", flat=True)) == set(Column.values)


def test_seed_leaves_a_filled_board_alone(board: Project) -> None:
    task = board.tasks.first()
    task.title = "Renamed"
    task.save()

    assert seed() is False
    call_command("seed", verbosity=0)
    assert Project.objects.filter(members__username="ada").count() == 3
    assert board.tasks.first().title == "Renamed"


def test_seed_leaves_existing_people_alone(db: None) -> None:
    get_user_model().objects.create_user("ada", password="her own")
    seed()

    assert authenticate(username="ada", password="her own") is not None


def test_passwords_are_the_user_names(board: Project) -> None:
    assert all(authenticate(username=name, password=name) for name in PEOPLE)


# pages


def test_pages_ask_visitors_to_log_in(board: Project, client: Client) -> None:
    assert client.get("/projects/").headers["Location"] == "/login/?next=/projects/"
    assert client.get(f"/board/{board.pk}/").headers["Location"] == f"/login/?next=/board/{board.pk}/"


def test_login_page_shows_the_logins(client: Client, db: None) -> None:
    page = client.get("/login/").content.decode()

    assert all(f'data-login="{name}"' in page for name in PEOPLE)


def test_log_in_and_out(board: Project, client: Client) -> None:
    assert client.post("/login/", {"username": "ben", "password": "ben"}).headers["Location"] == "/projects/"
    assert client.get("/projects/").status_code == 200
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/projects/").status_code == 302


def test_wrong_password_is_said(board: Project, client: Client) -> None:
    page = client.post("/login/", {"username": "ben", "password": "ada"})

    assert "This user name and password do not match." in page.content.decode()


def test_project_list_holds_the_projects_of_the_user(client_of, other_board: Project) -> None:
    assert other_board.name in client_of("ben").get("/projects/").content.decode()
    assert other_board.name not in client_of("cleo").get("/projects/").content.decode()


def test_done_means_ticked_on_every_page(client_of, board: Project) -> None:
    """The board, the list of projects and the dashboard count alike, whichever column a ticked task is in."""
    client, user = client_of("ada"), get_user_model().objects.get(username="ada")
    board.tasks.filter(column="doing").first().move("done")  # moved without a tick
    [project] = [project for project in OverviewStream({}, user.pk).projects() if project["id"] == board.pk]

    assert (project["done"], project["total"]) == (7, 19)
    assert "7 of 19 done" in client.get("/projects/").content.decode()
    assert "7 of 19 done" in client.get(f"/board/{board.pk}/").content.decode()


def test_tick_reaches_the_project_lists_of_the_members(board: Project, other_board: Project) -> None:
    ben, cleo = (Viewer("projects", user=get_user_model().objects.get(username=name)) for name in ("ben", "cleo"))
    task = other_board.tasks.filter(done=False).first()
    with capture_pushes(ben, cleo) as pushed:
        task.done = True
        task.save()

    assert pushed.reached == [ben]
    assert pushed[ben].puts[str(other_board.pk)]["done"] == 5


def test_page_of_a_task_offers_names_and_a_way_back(client_of, board: Project) -> None:
    task = board.tasks.get(title="Write the redirect list for old URLs")
    page = client_of("ada").get(f"/board/{board.pk}/tasks/{task.pk}/").content.decode()

    assert ">Ben Okafor</option>" in page
    assert page.count(f'href="/board/{board.pk}/"') == 2
    assert 'class="panel task-panel"' in page


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:8000", "http://localhost:8000/"),
        ("localhost:8000", "http://127.0.0.1:8000/"),
        ("demo.test", "a private window"),
    ],
)
def test_second_person_needs_a_session_of_its_own(
    client: Client, db: None, settings: Settings, host: str, said: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    assert said in client.get("/login/", headers={"host": host}).content.decode()


def test_board_shows_its_tasks_by_column(client_of, board: Project) -> None:
    page = client_of("cleo").get(f"/board/{board.pk}/").content.decode()

    columns = page.split('data-column="')[1:]
    for column, part in zip(Column.values, columns, strict=True):
        keys = [f'data-live-key="{pk}"' for pk in board.tasks.filter(column=column).values_list("pk", flat=True)]
        assert part.count("data-live-key") == len(keys)
        assert [part.index(key) for key in keys] == sorted(part.index(key) for key in keys)


def test_board_of_others_looks_like_one_that_does_not_exist(client_of, other_board: Project) -> None:
    client = client_of("cleo")
    foreign, missing = client.get(f"/board/{other_board.pk}/"), client.get("/board/4711/")

    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert other_board.name not in foreign.content.decode()


def test_titles_are_escaped(client_of, board: Project) -> None:
    board.tasks.update(title="<b>bold</b> & 'quoted'")
    page = client_of("ada").get(f"/board/{board.pk}/").content.decode()

    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &#x27;quoted&#x27;" in page
    assert "<b>bold" not in page


def test_admin_is_for_ada(client_of, board: Project) -> None:
    assert client_of("ada").get("/admin/board/task/").status_code == 200
    assert client_of("ada").get(f"/admin/board/project/{board.pk}/change/").status_code == 200
    assert client_of("ben").get("/admin/board/task/").status_code == 302


def test_admin_adds_a_task_at_the_end(client_of, board: Project) -> None:
    fields = {"project": board.pk, "title": "From the admin", "column": "doing", "position": "", "assignee": ""}
    client_of("ada").post("/admin/board/task/add/", fields)

    assert titles(board, "doing")[-1] == "From the admin"
