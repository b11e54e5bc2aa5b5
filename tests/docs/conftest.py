"""A daphne that takes tokens, for the examples of the docs."""

from __future__ import annotations

from tests.connections.transports.conftest import server
from tests.hostile.conftest import daphne

__all__ = ["daphne", "server"]
