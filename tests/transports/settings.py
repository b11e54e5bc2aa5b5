"""Settings of a server process that serves the very database of the tests."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASE = DATABASES["default"]
DATABASE["NAME"] = DATABASE.get("TEST", {}).get("NAME") or f"test_{DATABASE['NAME']}"
