"""The showcase's app configuration."""

from django.apps import AppConfig


class ShowcaseConfig(AppConfig):
    name = "demo_project.showcase"
    label = "showcase"
