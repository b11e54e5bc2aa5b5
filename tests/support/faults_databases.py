"""Databases of sites: migrated once for each set of settings, then copied, which is many times faster."""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Callable
from typing import Any

_made: dict[str, str] = {}
_numbers = itertools.count(1)


def template(key: str, make: Callable[[str], None], remove: Callable[[str], None]) -> str:
    """The run whose database is the template for this key. `make` is asked for it once, `remove` at the very end."""
    if key not in _made:
        run = f"{os.getpid()}_template_{next(_numbers)}"
        atexit.register(remove, run)
        make(run)
        _made[key] = run
    return _made[key]


def copy_mysql(cursor: Any, source: str, target: str) -> None:
    """Make the tables, triggers and rows of one database in another, which is empty."""

    def ask(sql: str) -> list[Any]:
        cursor.execute(sql)
        return list(cursor.fetchall())

    ask("SET FOREIGN_KEY_CHECKS = 0")
    ask(f"USE `{target}`")
    for table, kind in ask(f"SHOW FULL TABLES FROM `{source}`"):
        if kind == "BASE TABLE":
            ask(ask(f"SHOW CREATE TABLE `{source}`.`{table}`")[0][1])
            if ask(f"SELECT 1 FROM `{source}`.`{table}` LIMIT 1"):
                ask(f"INSERT INTO `{table}` SELECT * FROM `{source}`.`{table}`")
    for trigger, *_ in ask(f"SHOW TRIGGERS FROM `{source}`"):
        ask(ask(f"SHOW CREATE TRIGGER `{source}`.`{trigger}`")[0][2])
