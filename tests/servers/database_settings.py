"""Settings of a server whose connections to PostgreSQL are kept in one of the ways that Django offers."""

import os

from tests.connections.transports.settings import *  # noqa: F403
from tests.connections.transports.settings import DATABASE, DATABASES

match os.environ["REALTIME_TEST_CONNECTIONS"]:
    case 'OPTIONS["pool"]':
        DATABASE["OPTIONS"] = {"pool": {"min_size": 2, "max_size": 12, "timeout": 10}}
    case "CONN_MAX_AGE":
        DATABASE |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    case "DISABLE_SERVER_SIDE_CURSORS":
        DATABASE["DISABLE_SERVER_SIDE_CURSORS"] = True
    case "DATABASE_ROUTERS":
        # behind by all that there is: it has not even the tables
        DATABASES["replica"] = DATABASE | {"NAME": "postgres", "TEST": {"MIRROR": "default"}}
        DATABASE_ROUTERS = ["tests.servers.database_settings.ReplicaRouter"]


class ReplicaRouter:
    """Reads the rows that are shown from the replica."""

    def db_for_read(self, model, **hints):
        return "replica" if model._meta.label == "tests.Book" else None

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True
