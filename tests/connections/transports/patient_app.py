"""The test project on a server that would wait for hours: for the next poll, and for its clients when it stops."""

from django.conf import settings

from tests.asgi import application

settings.REALTIME_DRAIN_SECONDS = 3600.0

from realtime.connections.transports import request  # noqa: E402 - after the apps are ready

request.PARK_SECONDS = 3600.0

__all__ = ["application"]
