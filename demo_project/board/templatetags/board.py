"""`{% avatar user %}`: a person as a coloured circle with initials."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AbstractUser

register = template.Library()

COLOURS = 8  # classes avatar-0 to avatar-7 in demo.css


@register.inclusion_tag("board/_avatar.html")
def avatar(user: AbstractUser | None) -> dict[str, Any]:
    if user is None:
        return {"name": "", "initials": "", "colour": ""}
    name = user.get_full_name() or user.get_username()
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return {"name": name, "initials": initials, "colour": user.pk % COLOURS}
