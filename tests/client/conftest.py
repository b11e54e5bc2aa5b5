"""A daphne that takes tokens, and clients that end with their test."""

from __future__ import annotations

from tests.hostile.conftest import daphne
from tests.transports.conftest import server, session, shelf

__all__ = ["daphne", "server", "session", "shelf"]
