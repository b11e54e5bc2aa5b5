"""The URL of django-eventstream; the other peers have none."""

import os

from django.urls import include, path

urlpatterns = []
if os.environ.get("BENCH_PEER") == "eventstream":
    urlpatterns = [path("events/", include("django_eventstream.urls"), {"channels": ["items"]})]
