"""The app config: discovers the streams, starts to capture their models and registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig

import realtime
from realtime import checks
from realtime.checks.installation import refuse_other_package

refuse_other_package(realtime)  # before imports of its modules fail one by one


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Realtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # the modules register themselves; models are ready only now
        from realtime.capture import access, install
        from realtime.changelog.base import commit_listeners
        from realtime.hub.pubsub.notifications import notify
        from realtime.management.doctor import probe_stream  # noqa: F401
        from realtime.streams.registry import registry
        from realtime.writers import job_stream, notification_stream  # noqa: F401

        if notify not in commit_listeners:  # apps may become ready more than once
            commit_listeners.append(notify)
        checks.install()
        registry.autodiscover()
        install.install()
        install.connect(self)
        access.install()
