"""The oracle as an app of the test project: it has models and streams of its own."""

from django.apps import AppConfig


class OracleConfig(AppConfig):
    name = "tests.oracle"
    label = "oracle"
    default_auto_field = "django.db.models.BigAutoField"
