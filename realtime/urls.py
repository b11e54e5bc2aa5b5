"""Addresses for a project's URLconf: the HTTP transports, and the form view.

    path("realtime/", include("realtime.urls"))

The transports are for browsers that no WebSocket reaches; without them, a WebSocket is the only road. The form's is
where `{% live_form %}` posts to without JavaScript.
"""

from __future__ import annotations

from django.urls import path

from realtime import views
from realtime.transports.calls import calls
from realtime.transports.longpoll import longpoll
from realtime.transports.sse import sse

app_name = "realtime"

urlpatterns = [
    path("sse/", sse, name="sse"),
    path("poll/", longpoll, name="poll"),
    path("call/", calls, name="call"),
    path("form/", views.submit, name="form"),
]
