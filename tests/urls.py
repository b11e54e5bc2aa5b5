"""Addresses of the test project."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from realtime.connection import Connection
from realtime.hub import get_hub


async def clients(request: HttpRequest) -> JsonResponse:
    """How many clients this process serves."""
    return JsonResponse(sum(isinstance(client, Connection) for client in get_hub()._clients), safe=False)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("clients/", clients),
    path("realtime/", include("realtime.urls")),
]
