"""Checks of third-party libraries: writes that bypass the ORM, and unknown kinds of relations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.checks import CheckMessage, Warning

from realtime.capture.tables import live_models
from realtime.checks import register
from realtime.conf import settings
from realtime.streams.registry import place, registry
from realtime.streams.relations import unknown_relations
from realtime.streams.validation import valid_streams


class Library(NamedTuple):
    """A library that writes with its own cursors, and the base class of its models or managers."""

    name: str
    module: str
    base: str
    writes: str


LIBRARIES = (
    Library("django-mptt", "mptt.models", "MPTTModel", "inserting and deleting nodes renumbers others"),
    Library("django-treebeard", "treebeard.models", "Node", "moves, inserts and deletions of nodes"),
    Library("django-postgres-extra", "psqlextra.manager", "PostgresManager", "insert, upsert and bulk_insert"),
    Library("django-postgres-copy", "postgres_copy", "CopyManager", "from_csv"),
)


@register()
def check_libraries(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W021: a library writes a live model in a way that `REALTIME_CAPTURE` does not see."""
    if settings.CAPTURE == "triggers":
        return []
    found: list[CheckMessage] = []
    for library in LIBRARIES:
        base = getattr(sys.modules.get(library.module), library.base, None)
        if base is None:
            continue
        models = [model for model in live_models() if _is_of(model, base)]
        if models:
            names = ", ".join(sorted(model._meta.label for model in models))
            found.append(
                Warning(
                    f"{library.name} writes {names} with its own SQL, which capture does not see: {library.writes}.",
                    hint='Set REALTIME_CAPTURE to "triggers". Or call realtime.touch(queryset) with the changed rows '
                    "after such writes, and silence this check.",
                    id="realtime.W021",
                )
            )
    return found


def _is_of(model: Any, base: type) -> bool:
    return issubclass(model, base) or any(isinstance(manager, base) for manager in model._meta.managers)


@register()
def check_relations(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W020: a many-to-many relation with unknown intermediate rows."""
    return [
        Warning(
            f"{stream.__name__} has relations with unknown intermediate rows: {', '.join(unknown)}.",
            hint="Call realtime.touch(queryset) with the stream's rows after you change such a relation, and "
            "silence this check.",
            obj=place(stream),
            id="realtime.W020",
        )
        for stream in valid_streams(registry.declared())
        if (unknown := sorted(unknown_relations(stream.model, stream.depends_on)))
    ]
