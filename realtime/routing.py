"""Routing: the WebSocket URL for a project's `asgi.py`.

application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter(websocket_urlpatterns),
})
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from realtime.connections.transports.websocket import RealtimeConsumer
from realtime.queries.page import WEBSOCKET_PATH

# Channels' URLRouter takes Django's `path`, which is typed for views only
_application: Any = RealtimeConsumer.as_asgi()

websocket_urlpatterns = [path(WEBSOCKET_PATH, _application, name="realtime_websocket")]
