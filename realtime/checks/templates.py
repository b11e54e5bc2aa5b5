"""Checks of row templates: undefined names, which Django renders as nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning

from realtime.checks import register
from realtime.queries.row_templates import remedy, unknown_names
from realtime.streams.registry import place
from realtime.streams.stream import ModelStream
from realtime.streams.validation import template_problems, valid_streams


@register()
def check_row_templates(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W065: a row template that uses names which only pages have, such as `user`."""
    found: list[CheckMessage] = []
    for stream in valid_streams():
        if not stream.template_name or any(template_problems(stream)):
            continue
        has = row_names(stream)
        for name, written in unknown_names(stream.template_name, has):
            found.append(
                Warning(
                    f"The template {stream.template_name!r} of {stream.__name__} uses {written}, "
                    "which row templates do not have.",
                    hint=remedy(name, has),
                    obj=place(stream),
                    id="realtime.W065",
                )
            )
    return found


def row_names(stream: type[ModelStream]) -> list[str]:
    """Return the names that a row template has."""
    return list(dict.fromkeys(("object", str(stream.model._meta.model_name), "stream")))
