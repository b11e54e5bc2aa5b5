"""`{% project_of presence %}`: the project whose board somebody is on."""

from __future__ import annotations

from django import template

from demo_project.board.models import Project
from realtime.models import Presence

register = template.Library()


@register.simple_tag
def project_of(presence: Presence) -> Project | None:
    return Project.objects.filter(pk=presence.params["project"]).first()
