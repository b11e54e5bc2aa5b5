"""The assistant's page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def assistant(request: HttpRequest) -> HttpResponse:
    return render(request, "assistant/assistant.html")
