"""Addresses with those of live forms."""

from django.urls import include, path

urlpatterns = [path("realtime/", include("realtime.urls"))]
