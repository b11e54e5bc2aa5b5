"""Fixtures of the demo's tests: its addresses, its seeds."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from demo_project import settings as demo_settings
from demo_project.board.models import Project
from demo_project.board.seeds import seed


@pytest.fixture(autouse=True)
def demo(settings: Settings) -> None:
    settings.ROOT_URLCONF = "demo_project.urls"
    settings.LOGIN_URL = demo_settings.LOGIN_URL
    settings.LOGIN_REDIRECT_URL = demo_settings.LOGIN_REDIRECT_URL
    settings.LOGOUT_REDIRECT_URL = demo_settings.LOGOUT_REDIRECT_URL
    settings.SHOWCASE_PLAYER = demo_settings.SHOWCASE_PLAYER


@pytest.fixture
def board(db: None) -> Project:
    """The first project of a seeded demo; ada, ben and cleo are its members."""
    seed()
    return Project.objects.first()


@pytest.fixture
def other_board(board: Project) -> Project:
    """A project that cleo is not a member of."""
    return Project.objects.exclude(members__username="cleo").get()


@pytest.fixture
def client_of(board: Project, client: Client):
    """`client_of("ada")`: a client that is logged in."""

    def client_of(username: str) -> Client:
        client.force_login(get_user_model().objects.get(username=username))
        return client

    return client_of
