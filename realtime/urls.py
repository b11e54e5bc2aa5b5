"""Addresses of the HTTP transports, to be included in a project's `urls.py`.

    path("realtime/", include("realtime.urls"))

They are for browsers that no WebSocket reaches; without them, a WebSocket is the only road.
"""

from __future__ import annotations

from django.urls import path

from realtime.transports.calls import calls
from realtime.transports.longpoll import longpoll
from realtime.transports.sse import sse

app_name = "realtime"

urlpatterns = [
    path("sse/", sse, name="sse"),
    path("poll/", longpoll, name="poll"),
    path("call/", calls, name="call"),
]
