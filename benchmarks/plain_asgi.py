"""The test project without `LongPollMiddleware`, so that each long poll goes through Django."""

from tests.asgi import django_application as application

__all__ = ["application"]
