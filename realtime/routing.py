"""Routing: the WebSocket URLs, to be put into a project's `asgi.py`.

application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter(websocket_urlpatterns),
})
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from realtime.pages import WEBSOCKET_PATH
from realtime.transports.websocket import RealtimeConsumer

# Channels' URLRouter takes Django's paths, whose types know views only
_application: Any = RealtimeConsumer.as_asgi()

websocket_urlpatterns = [path(WEBSOCKET_PATH, _application, name="realtime_websocket")]
