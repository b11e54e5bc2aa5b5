"""The dashboard's page, and the page of reports."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from demo_project.dashboard.reports import request_report


@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/dashboard.html")


@login_required
def reports(request: HttpRequest) -> HttpResponse:
    """Show the user's reports; a POST request starts one. It also works without JavaScript."""
    if request.method == "POST":
        if not request_report(request.user):
            messages.error(request, "Five reports are being written. Wait until one is complete.")
        return redirect("reports")
    return render(request, "dashboard/reports.html")
