"""URLs for a project's URLconf: the HTTP transports, and the view for live forms.

    path("realtime/", include("realtime.urls"))

The HTTP transports are the fallback for networks that block WebSockets. `{% live_form %}` posts to the form view if
JavaScript is off.
"""

from __future__ import annotations

from django.urls import path

from realtime import views
from realtime.connections.transports.http_calls import calls
from realtime.connections.transports.longpoll import longpoll
from realtime.connections.transports.sse import sse

app_name = "realtime"

urlpatterns = [
    path("sse/", sse, name="sse"),
    path("poll/", longpoll, name="poll"),
    path("call/", calls, name="call"),
    path("form/", views.submit, name="form"),
]
