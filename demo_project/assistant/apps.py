"""The assistant as a Django app."""

from django.apps import AppConfig


class AssistantConfig(AppConfig):
    name = "demo_project.assistant"
    label = "assistant"
    default_auto_field = "django.db.models.BigAutoField"
