"""The app that makes every model live, each time that apps are installed."""

from __future__ import annotations

from django.apps import AppConfig, apps

from realtime_compat.live import make_live


class CompatConfig(AppConfig):
    name = "realtime_compat"
    label = "realtime_compat"

    def ready(self) -> None:
        make_live(apps.get_models())
