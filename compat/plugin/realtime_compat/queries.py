"""Queries: leaves the statements that only concern the app's own tables out of what a test counts.

A statement of the user's that stands within a larger one of ours (on PostgreSQL) is counted, as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.utils import CursorDebugWrapper

OWN = re.compile(r"""^\s*(INSERT|UPDATE|DELETE|SELECT|LOCK)\b[^;]*["`'\s]realtime_\w+""", re.IGNORECASE | re.DOTALL)


def leave_out_own() -> None:
    """Have Django's log of queries leave them out."""
    original = CursorDebugWrapper.debug_sql

    @contextmanager
    def debug_sql(
        self: Any, sql: Any = None, params: Any = None, use_last_executed_query: bool = False, many: bool = False
    ) -> Iterator[None]:
        if OWN.match(str(sql)):
            yield
        else:
            with original(self, sql, params, use_last_executed_query, many):
                yield

    CursorDebugWrapper.debug_sql = debug_sql
