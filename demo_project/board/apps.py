"""The board's app configuration."""

from django.apps import AppConfig


class BoardConfig(AppConfig):
    name = "demo_project.board"
    label = "board"
    default_auto_field = "django.db.models.BigAutoField"
