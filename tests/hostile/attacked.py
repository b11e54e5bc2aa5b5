"""Settings of a server under attack: the limits that everybody has."""

from tests.connections.transports.settings import *  # noqa: F403

REALTIME_AUTHENTICATE = "tests.support.passes.authenticate"
ALLOWED_HOSTS = ["127.0.0.1"]
REALTIME_PRESENCE_GRACE_SECONDS = 0.5
