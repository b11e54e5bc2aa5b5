"""The showcase's pages: two browsers side by side, and what stands in each of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin

from demo_project.board.models import Project
from demo_project.board.views import board_context
from demo_project.showcase import guests, player
from demo_project.showcase.models import Player


def showcase(request: HttpRequest) -> HttpResponse:
    """Show the board of the guests in two frames. It needs no login."""
    playground = Player.objects.select_related("project").first()
    if playground is not None:
        player.play(playground.project)
    context = {"player": settings.SHOWCASE_PLAYER and playground, "guests": _guests()}
    return render(request, "showcase/showcase.html", context)


@xframe_options_sameorigin
def frame(request: HttpRequest, name: str) -> HttpResponse:
    """Show the board to a guest. The guest comes from the address: both frames have the cookies of one browser."""
    guest = _guest(name)
    project = Project.objects.filter(player__isnull=False, members=guest).first()
    if project is None:
        raise Http404("The guests have no board.")
    request.user = guest
    return render(request, "showcase/frame.html", board_context(project))


@never_cache
def token(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a new token of a guest, which the page of the frame connects with."""
    return HttpResponse(guests.sign(_guest(name)), content_type="text/plain")


def _guests():
    return get_user_model().objects.filter(username__in=guests.GUESTS).order_by("pk")


def _guest(name: str):
    return get_object_or_404(_guests(), username=name)
