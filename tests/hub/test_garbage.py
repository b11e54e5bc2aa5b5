"""Garbage collection: what a process has loaded before its first client is not scanned again."""

from __future__ import annotations

import gc

import pytest

from realtime.hub.garbage import exempt_startup_objects
from tests.support.wire import WireClient


@pytest.fixture(autouse=True)
def new_process():
    exempt_startup_objects.cache_clear()
    gc.unfreeze()
    yield
    gc.freeze()  # as the first client of this process left it: other tests collect garbage, some again and again


async def test_first_client_exempts_what_is_loaded_and_later_ones_do_not(db):
    loaded = len(gc.get_objects())
    async with WireClient():
        assert gc.get_freeze_count() > loaded / 2
        assert len(gc.get_objects()) < loaded / 2
        gc.unfreeze()
    async with WireClient():
        assert gc.get_freeze_count() < loaded / 2


async def test_project_that_has_disabled_the_collector_is_left_alone(db):
    loaded = len(gc.get_objects())
    gc.disable()
    try:
        async with WireClient():
            assert gc.get_freeze_count() < loaded / 2
    finally:
        gc.enable()
