"""`realtime`: rows written in the server's own process, with a live query for each client."""

import gc
from typing import Any

from channels.routing import URLRouter
from django.db.backends.signals import connection_created

from benchmarks.peers.control import controlled
from benchmarks.peers.rows import burst, fill, flood, publish
from realtime.routing import websocket_urlpatterns

counted = {"statements": 0}


def _count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    counted["statements"] += 1
    return execute(sql, params, many, context)


def _watch(connection: Any, **kwargs: Any) -> None:
    if _count not in connection.execute_wrappers:  # the signal is sent at each reconnect
        connection.execute_wrappers.append(_count)


connection_created.connect(_watch, dispatch_uid="benchmarks")


async def statements(rest: str) -> dict[str, Any]:
    gc.collect()
    return dict(counted)


commands = {"burst": burst, "fill": fill, "flood": flood, "statements": statements}
application = controlled(URLRouter(websocket_urlpatterns), publish, commands)
