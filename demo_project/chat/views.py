"""The chat's pages."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render


@login_required
def chat(request: HttpRequest) -> HttpResponse:
    """Show the user's first room."""
    room = request.user.rooms.first()
    return render(request, "chat/no_room.html") if room is None else redirect("room", room.pk)


@login_required
def room(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "chat/room.html", {"room": get_object_or_404(request.user.rooms, pk=pk)})
