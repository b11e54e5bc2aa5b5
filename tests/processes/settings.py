"""Settings of processes that share a database, and the channel layer that REALTIME_TEST_LAYER names, if any."""

import os

from tests.connections.transports.settings import *  # noqa: F403
from tests.settings import RUN

if address := os.environ.get("REALTIME_TEST_LAYER"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [address], "prefix": f"processes-{RUN}"},
        }
    }
