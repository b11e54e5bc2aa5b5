"""Fixtures of the oracle: sites and clients, as the fault suite has them."""

from tests.faults.conftest import clients, make_site

__all__ = ["clients", "make_site"]
