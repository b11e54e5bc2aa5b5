"""Settings of a server process that serves the very database of the tests."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASE = DATABASES["default"]
DATABASE["NAME"] = DATABASE.get("TEST", {}).get("NAME") or f"test_{DATABASE['NAME']}"
FORCE_SCRIPT_NAME = os.environ.get("REALTIME_TEST_SCRIPT_NAME")
