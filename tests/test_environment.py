"""The test project runs on the database that the environment names."""

import os

import pytest
from django.db import connection

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def test_the_default_database_is_the_one_that_the_environment_names():
    assert connection.vendor == os.environ.get("REALTIME_TEST_DATABASE", "sqlite")
