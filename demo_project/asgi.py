"""The demo's ASGI application: pages and static files over HTTP, `realtime` over a WebSocket."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
django_application = get_asgi_application()

# This import reaches models, so it must follow get_asgi_application(), which sets up Django.
from realtime.routing import LongPollMiddleware, websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        # daphne does not serve static files; a real site leaves them to its web server or WhiteNoise
        "http": LongPollMiddleware(ASGIStaticFilesHandler(django_application)),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
