"""The dashboard as a Django app; it has no tables of its own."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "demo_project.dashboard"
    label = "dashboard"
