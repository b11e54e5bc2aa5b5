"""pytest plugin of realtime: fixtures for `realtime.testing`, which is imported when a test asks for one.

It stands beside the package: to import `realtime` is to import Django, and pytest loads its plugins before anything is
configured, whether a test needs them or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from realtime.testing import LiveServer, UserClient, Viewer, capture_pushes


@pytest.fixture(name="capture_pushes")
def capture_pushes_fixture() -> type[capture_pushes]:
    """`with capture_pushes(viewer) as pushed:` tells what a block of code pushes; see `realtime.testing`."""
    from realtime.testing import capture_pushes

    return capture_pushes


@pytest.fixture
def viewer_of() -> type[Viewer]:
    """`viewer_of("tasks", {"project": 7}, user=ada)`: a live query as a user sees it."""
    from realtime.testing import Viewer

    return Viewer


@pytest.fixture
def connect_as() -> Callable[..., UserClient]:
    """`async with connect_as(ada) as client`: a client that is logged in, in an async test that commits."""
    from realtime.testing import connect

    return connect


@pytest.fixture
def realtime_server(transactional_db: None) -> Iterator[LiveServer]:
    """The project's ASGI application on a port (`.url`, `.ws_url`), for a browser or a client over the network.

    It is started for the first test that asks for it and ends with the process. A test may give it another
    `application`; the next one has the project's own again.
    """
    from django.test.utils import modify_settings

    from realtime.testing.server import HOST, live_server

    server = live_server()
    application = server.application
    with modify_settings(ALLOWED_HOSTS={"append": HOST}):
        yield server
    server.application = application
