"""Addresses of the test project."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import RequestContext, Template
from django.urls import include, path

from realtime.connections.connection import Connection
from realtime.hub.hub import get_hub


async def clients(request: HttpRequest) -> JsonResponse:
    """How many clients this process serves; those of the `user` alone where one is named."""
    user = request.GET.get("user")
    found = [client for client in get_hub()._clients if isinstance(client, Connection) and user in (None, client.user)]
    return JsonResponse(len(found), safe=False)


def addressed(request: HttpRequest) -> HttpResponse:
    """A page of rows that hold addresses."""
    page = "{% load realtime static %}{% static 'y.png' %}{% live 'addressed' %}"
    return HttpResponse(Template(page).render(RequestContext(request)))


urlpatterns = [
    path("addressed/", addressed),
    path("admin/", admin.site.urls),
    path("clients/", clients),
    path("logout/", LogoutView.as_view(next_page="/")),
    path("realtime/", include("realtime.urls")),
]
