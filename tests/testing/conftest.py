"""The plugin as a project has it, and connections that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from pytest_realtime import capture_pushes_fixture, connect_as, realtime_server, viewer_of
from tests.support.tables import empty_tables

__all__ = ["capture_pushes_fixture", "connect_as", "realtime_server", "viewer_of"]


@pytest.fixture
def fresh(transactional_db: None) -> Iterator[None]:
    """The database, for tests that commit."""
    yield
    empty_tables()
    connections.close_all()


@pytest.fixture
async def committing(fresh: None) -> AsyncIterator[None]:
    """The same, for async tests, whose ORM works in a thread of its own."""
    yield
    await sync_to_async(connections.close_all)()
