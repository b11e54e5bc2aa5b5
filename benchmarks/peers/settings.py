"""Settings of the Python peers.

BENCH_PEER is the peer, BENCH_DATABASE the path of an SQLite file or the URL of a PostgreSQL database. BENCH_LAYER is
the channel layer: memory, redis or pubsub. BENCH_REDIS is the URL of Redis.
"""

import os
from typing import Any

from tests.support.addresses import database

PEER = os.environ.get("BENCH_PEER", "ours")

SECRET_KEY = "only for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.peers.urls"
ASGI_APPLICATION = "benchmarks.peers.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "benchmarks.peers"]
if PEER == "ours":
    INSTALLED_APPS.append("realtime")
if PEER == "eventstream":
    INSTALLED_APPS.append("django_eventstream")
MIDDLEWARE: list[str] = []

where = os.environ.get("BENCH_DATABASE", ":memory:")
DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": where,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
if where.startswith("postgresql:"):
    DATABASES = {"default": database(where) | {"NAME": where.rpartition("/")[2]}}

# Queues are large enough that nothing is dropped, so that all costs are compared.
CAPACITY = 1_000_000
redis = {"hosts": [os.environ.get("BENCH_REDIS", "")], "capacity": CAPACITY}
layers: dict[str, Any] = {
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": CAPACITY}},
    "redis": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": redis},
    "pubsub": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": redis["hosts"]}},
}
if layer := os.environ.get("BENCH_LAYER"):
    CHANNEL_LAYERS = {"default": layers[layer]}

# All clients are one user at one address.
REALTIME_LIMITS = {
    "connections_per_user": 1_000_000,
    "connections_per_address": 1_000_000,
    "messages_per_second_per_user": 1_000_000.0,
    "checks_per_second": 1_000_000.0,
    "live_queries": 1_000_000,
    "rows": 200_000,
    "anonymous_live_queries": 1_000_000,
    "changes": int(os.environ.get("BENCH_MAX_CHANGES", "20000")),
}
REALTIME_QUERY_SECONDS = 60.0  # on a machine with other work, 100,000 rows may take longer than a site allows
