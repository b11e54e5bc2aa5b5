"""Counts the SQL statements of a process by the tables that they name."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE) [`\"]?(\w+)", re.IGNORECASE)

counted: Counter[str] = Counter()


def count_statements(connection: Any, **kwargs: Any) -> None:
    """Receiver of `connection_created`."""
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


def _count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    counted["all"] += 1
    # the first one is the table that the statement is about
    counted.update(TABLE.findall(sql)[:1])
    return execute(sql, params, many, context)
