"""Routing: the WebSocket URLs, to be put into a project's `asgi.py`.

    application = ProtocolTypeRouter({
        "http": get_asgi_application(),
        "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns)),
    })
"""

from __future__ import annotations

from django.urls import path

from realtime.pages import WEBSOCKET_PATH
from realtime.transports.websocket import RealtimeConsumer

websocket_urlpatterns = [path(WEBSOCKET_PATH, RealtimeConsumer.as_asgi(), name="realtime_websocket")]
