"""The app: at start it finds the streams, begins to capture their models, and registers the checks."""

from __future__ import annotations

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # they register themselves; models are ready only now
        from realtime import checks, checks_databases, checks_site, probe  # noqa: F401
        from realtime.capture import access, installation
        from realtime.streams.registry import registry

        registry.autodiscover()
        installation.install()
        installation.connect(self)
        access.install()
