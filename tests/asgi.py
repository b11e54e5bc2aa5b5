"""The test project as an ASGI application, put together as the documentation says."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

# Before the routes, which import models.
django_application = get_asgi_application()

from realtime.routing import LongPollMiddleware, websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": LongPollMiddleware(django_application),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
