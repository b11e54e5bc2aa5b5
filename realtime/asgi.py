"""An ASGI application for projects whose `asgi.py` adds nothing to Django's.

    ASGI_APPLICATION = "realtime.asgi.application"

It serves Django over HTTP and `realtime` over WebSockets. A server that imports it by this name needs
`DJANGO_SETTINGS_MODULE` in its environment.
"""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from realtime.routing import LongPollMiddleware, websocket_urlpatterns  # noqa: E402  # imports models

application = ProtocolTypeRouter(
    {"http": LongPollMiddleware(_django), "websocket": URLRouter(websocket_urlpatterns)},
)
