"""A daphne that takes tokens, for the examples of the docs."""

from __future__ import annotations

from tests.hostile.conftest import daphne
from tests.transports.conftest import server

__all__ = ["daphne", "server"]
