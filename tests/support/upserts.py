"""Upserts: `bulk_create` that updates on conflict, the same on each database."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Model


def upsert(*rows: Model, fields: Sequence[str], on: str = "id") -> None:
    """Write rows of a model, or these fields of those that there are already, by the unique field `on`."""
    unique = {} if connection.vendor == "mysql" else {"unique_fields": [on]}  # MySQL takes whichever conflicts
    type(rows[0])._default_manager.bulk_create(rows, update_conflicts=True, update_fields=fields, **unique)
