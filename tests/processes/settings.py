"""Settings of processes that share a database, and the channel layer that REALTIME_TEST_LAYER names, if any."""

import os

from tests.settings import RUN
from tests.transports.settings import *  # noqa: F403

if address := os.environ.get("REALTIME_TEST_LAYER"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [address], "prefix": f"processes-{RUN}"},
        }
    }
