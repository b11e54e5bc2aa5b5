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


async def sent(request: HttpRequest) -> JsonResponse:
    """How many messages each client of a stream was sent, whether it has read them or not."""
    sessions = [client.peer.session for client in get_hub()._clients if isinstance(client, Connection)]
    stream = request.GET["stream"]
    found = [each for each in sessions if any(item.request.stream == stream for item in each.subscriptions.values())]
    return JsonResponse([each._credit.sent for each in found], safe=False)


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
    path("sent/", sent),
]
