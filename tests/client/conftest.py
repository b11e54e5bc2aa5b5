"""A daphne that takes tokens, and clients that end with their test."""

from __future__ import annotations

from tests.connections.transports.conftest import server, session
from tests.hostile.conftest import daphne

__all__ = ["daphne", "server", "session"]
