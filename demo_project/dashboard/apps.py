"""The dashboard's app configuration. It has no models."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "demo_project.dashboard"
    label = "dashboard"
