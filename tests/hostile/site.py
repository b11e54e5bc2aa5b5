"""The site that is attacked: the test project, with what attackers like best."""

from __future__ import annotations

import time

from realtime import action
from realtime.streams.registry import registry
from tests.asgi import application
from tests.support.streams import FoundStream, PagedStream

__all__ = ["application"]


class Found(FoundStream):
    @action
    def slow(self, user):
        time.sleep(2)


registry.add("found", Found)
registry.add("paged", PagedStream)
