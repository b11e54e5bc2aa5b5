"""Routing: what a project's `asgi.py` needs.

application = ProtocolTypeRouter({
    "http": LongPollMiddleware(get_asgi_application()),  # the middleware may be left out
    "websocket": URLRouter(websocket_urlpatterns),
})
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from realtime.connections.transports.longpoll_middleware import LongPollMiddleware
from realtime.connections.transports.websocket import RealtimeConsumer
from realtime.queries.page import WEBSOCKET_PATH

__all__ = ["LongPollMiddleware", "websocket_urlpatterns"]

# Channels' URLRouter takes Django's `path`, which is typed for views only
_application: Any = RealtimeConsumer.as_asgi()

websocket_urlpatterns = [path(WEBSOCKET_PATH, _application, name="realtime_websocket")]
