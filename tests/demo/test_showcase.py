"""The showcase: two guests without a login, and the built-in player."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.test import Client
from pytest_django import Settings

from demo_project.board.models import Column, Project, Task
from demo_project.showcase import guests, player
from demo_project.showcase.models import Player
from demo_project.showcase.seeds import TASKS, seed
from demo_project.showcase.streams import PlayerStream
from realtime.auth.identity import identify
from realtime.exceptions import SessionEnded
from realtime.hub import presence_rows
from realtime.hub.presence_rows import Arrival, Place, Who


@pytest.fixture
def party(db: None) -> Project:
    """The guests' board."""
    seed()
    return Player.objects.get().project


def person(username: str) -> Any:
    return get_user_model().objects.get(username=username)


def open_board(party: Project) -> None:
    """Let mia be present on the board, as the hub of a server would."""
    presence_rows.take_lease("one", seconds=60)
    place = Place("0" * 40, "tasks", {"project": party.pk, "column": None})
    who = Who(place.key, str(person("mia").pk))
    presence_rows.seat("one", [Arrival(who, place, {})], [], seconds=60)


class TestPages:
    def test_front_page_needs_no_login_and_has_two_frames(self, party: Project, client: Client) -> None:
        page = client.get("/").content.decode()

        assert page.count("<iframe") == 2
        assert all(f'src="/two/{name}/"' in page for name in guests.GUESTS)

    def test_frame_is_a_guest_whoever_is_logged_in(self, board: Project, party: Project, client_of) -> None:
        response = client_of("ada").get("/two/noah/")
        page = response.content.decode()

        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert f'data-me="{person("noah").pk}"' in page
        assert 'data-realtime-token-url="/two/noah/token/"' in page
        assert "Log out" not in page
        assert page.count("data-live-key") == party.tasks.count()

    @pytest.mark.parametrize("name", ["ada", "robin", "nobody"])
    def test_only_guests_have_frames_and_tokens(self, board: Project, party: Project, client: Client, name) -> None:
        assert client.get(f"/two/{name}/").status_code == 404
        assert client.get(f"/two/{name}/token/").status_code == 404

    def test_page_without_guests_says_what_to_do(self, db: None, client: Client) -> None:
        assert "manage.py seed" in client.get("/").content.decode()

    def test_guests_see_no_other_board(self, board: Project, party: Project) -> None:
        assert [project.pk for project in person("mia").projects.all()] == [party.pk]
        assert not person("ada").projects.filter(pk=party.pk).exists()

    def test_guests_cannot_log_in(self, party: Project, client: Client) -> None:
        assert client.post("/login/", {"username": "mia", "password": "mia"}).status_code == 200


@pytest.mark.django_db
class TestTokens:
    @pytest.fixture(autouse=True)
    def hook(self, settings: Settings) -> None:
        settings.REALTIME_AUTHENTICATE = "demo_project.showcase.guests.authenticate"

    def test_token_identifies_the_guest_for_an_hour(self, party: Project, client: Client) -> None:
        response = client.get("/two/mia/token/")
        identity, standing = identify(response.content.decode())

        assert "no-store" in response.headers["Cache-Control"]
        assert identity.user == str(person("mia").pk)
        assert 3500 < (standing.seconds or 0) <= 3600

    def test_nobody_else_is_identified_by_a_token(self, board: Project, party: Project) -> None:
        expired = signing.dumps([person("mia").pk, int(time.time()) - 1], salt=guests.SALT)
        for token in (guests.sign(person("ada")), guests.sign(person("robin")), expired, "invented", ""):
            with pytest.raises(SessionEnded):
                identify(token)


class TestSteps:
    def test_first_card_of_the_fullest_column_goes_to_the_next(self, party: Project) -> None:
        player.step(party)

        assert [task.title for task in party.tasks.filter(column="doing")][-1] == TASKS[Column.TODO][0][0]

    def test_cards_go_round_and_their_ticks_with_them(self, party: Project) -> None:
        seen = set()
        for _ in range(40):
            player.step(party)
            tasks = list(party.tasks.all())
            assert all(task.done == (task.column == Column.DONE) for task in tasks)
            assert max(Counter(task.column for task in tasks).values()) <= 4
            seen |= {(task.title, task.column) for task in tasks}

        assert len(seen) == 8 * 3

    def test_empty_board_is_filled_one_by_one(self, party: Project) -> None:
        party.tasks.all().delete()
        for _ in range(len(player.TITLES)):
            player.step(party)

        assert [task.title for task in party.tasks.all()] == player.TITLES

    def test_oldest_cards_go_when_visitors_have_added_many(self, party: Project) -> None:
        for number in range(player.MOST_TASKS):
            Task.objects.create(project=party, title=f"More {number}", column="doing")
        player.step(party)

        assert party.tasks.count() == player.MOST_TASKS
        assert not party.tasks.filter(title=TASKS[Column.TODO][0][0]).exists()


class TestPlaying:
    @pytest.fixture(autouse=True)
    def fast(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(player, "STEP_SECONDS", 0.01)
        monkeypatch.setattr(player, "ALONE_SECONDS", 0.05)

    @pytest.fixture
    def steps(self, monkeypatch: pytest.MonkeyPatch) -> list[Project]:
        steps: list[Project] = []
        monkeypatch.setattr(player, "step", steps.append)
        return steps

    def start(self, party: Project) -> None:
        until = player.timezone.now() + player.timedelta(seconds=0.5)
        Player.objects.update(playing=True, until=until)
        player._play(party, threading.Event())

    def test_nothing_plays_unless_the_settings_ask(self, party: Project, client: Client, settings: Settings) -> None:
        assert settings.SHOWCASE_PLAYER is False
        assert "Robin" not in client.get("/").content.decode()
        assert not Player.objects.filter(playing=True).exists()
        assert not player._threads

    def test_nobody_looks_and_it_stops(self, party: Project, steps: list[Project]) -> None:
        self.start(party)

        assert steps == []

    def test_somebody_looks_and_it_plays_until_its_time_is_over(self, party: Project, steps: list[Project]) -> None:
        open_board(party)
        self.start(party)

        assert len(steps) > 2
        assert Player.objects.get().until < player.timezone.now()

    def test_pause_ends_it(self, party: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        open_board(party)
        stream = PlayerStream({"project": party.pk})
        steps: list[Project] = []

        def step(project: Project) -> None:
            steps.append(project)
            stream.pause(AnonymousUser())

        monkeypatch.setattr(player, "step", step)
        self.start(party)

        assert len(steps) == 1

    def test_killed_server_leaves_no_player_that_seems_to_play(self, party: Project) -> None:
        Player.objects.update(playing=True)
        seed()

        assert not Player.objects.get().playing
        assert Project.objects.filter(player__isnull=False).count() == 1
