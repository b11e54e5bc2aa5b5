"""Jinja2: the template tags as functions."""

from __future__ import annotations

from jinja2 import Environment, pass_context
from jinja2.ext import Extension

from realtime.templatetags import realtime as tags


class RealtimeExtension(Extension):
    """Adds the template tags to a Jinja2 environment, as functions with the same names and arguments.

    TEMPLATES = [
        {
            "BACKEND": "django.template.backends.jinja2.Jinja2",
            "OPTIONS": {"extensions": ["realtime.jinja.RealtimeExtension"]},
            ...
        }
    ]

    {{ realtime_script() }}
    <ul>{{ live("tasks", project=project.pk, container="ul", class="compact") }}</ul>
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        functions = (
            tags.realtime_script,
            tags.live,
            tags.live_pages,
            tags.live_value,
            tags.live_text,
            tags.live_jobs,
            tags.live_job,
            tags.live_notifications,
            tags.live_notification_count,
            tags.live_unread,
            tags.presence,
            tags.live_form,
            tags.live_actions,
        )
        environment.globals.update({function.__name__: pass_context(function) for function in functions})
