"""Addresses for a project's URLconf: path("realtime/", include("realtime.urls"))."""

from django.urls import path

from realtime import views

urlpatterns = [
    path("form/", views.submit, name="realtime_form"),
]
