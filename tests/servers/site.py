"""The test project, with a WebSocket that says how the server takes its messages, and one behind middleware."""

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from tests.asgi import application as project
from tests.connections.transports import fast_path_app

websocket = project.application_mapping["websocket"]
[consumer] = [route.callback for route in websocket.routes]

application = ProtocolTypeRouter(
    {
        "http": project.application_mapping["http"],
        "websocket": URLRouter(
            [
                path("fast/", fast_path_app.application),
                path("auth/realtime/ws/", AuthMiddlewareStack(consumer)),
                path("", websocket),
            ]
        ),
    }
)
