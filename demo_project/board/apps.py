"""The board as a Django app."""

from django.apps import AppConfig


class BoardConfig(AppConfig):
    name = "demo_project.board"
    label = "board"
    default_auto_field = "django.db.models.BigAutoField"
