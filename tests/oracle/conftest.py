"""Fixtures of the oracle: sites and clients, as the fault suite has them."""

from tests.faults.conftest import clients, make_site, pytest_runtest_makereport

__all__ = ["clients", "make_site", "pytest_runtest_makereport"]
