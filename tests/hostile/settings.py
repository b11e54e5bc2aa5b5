"""Settings of the server that is attacked: without the limits of rate, which would end an attack early."""

from tests.connections.transports.settings import *  # noqa: F403

REALTIME_AUTHENTICATE = "tests.support.passes.authenticate"
REALTIME_LIMITS = {"messages_per_second": 100_000.0, "calls_per_second": 100_000.0}
ALLOWED_HOSTS = ["127.0.0.1"]
REALTIME_PRESENCE_GRACE_SECONDS = 0.5
