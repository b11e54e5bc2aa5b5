"""`{% avatar user %}`: a person as a coloured circle with initials; and where a second person can log in."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AbstractUser

register = template.Library()

OTHER_NAMES = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}  # of this machine: cookies are kept per name
COLOURS = 8  # classes avatar-0 to avatar-7 in demo.css


@register.inclusion_tag("board/_avatar.html")
def avatar(user: AbstractUser | None) -> dict[str, Any]:
    if user is None:
        return {"name": "", "initials": "", "colour": ""}
    name = user.get_full_name() or user.get_username()
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return {"name": name, "initials": initials, "colour": user.pk % COLOURS}


@register.simple_tag(takes_context=True)
def other_address(context: dict[str, Any]) -> str:
    """Return the address of the same site with a session of its own in this browser, or an empty text."""
    name, colon, port = context["request"].get_host().partition(":")
    return f"http://{OTHER_NAMES[name]}{colon}{port}/" if name in OTHER_NAMES else ""
