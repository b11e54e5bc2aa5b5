"""System checks: they report wrong configuration at start, with hints.

Their modules are imported when Django runs the checks, because most processes never do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.core import checks
from django.core.checks import CheckMessage, Tags

Check = TypeVar("Check", bound=Callable[..., Sequence[CheckMessage]])

_checks: dict[tuple[tuple[str, ...], bool], list[Callable[..., Sequence[CheckMessage]]]] = defaultdict(list)


def register(*tags: str, deploy: bool = False) -> Callable[[Check], Check]:
    """Add a check, like Django's `register`."""

    def add(check: Check) -> Check:
        _checks[tags, deploy].append(check)
        return check

    return add


def install() -> None:
    """Let Django run the checks."""
    for tags, deploy in (((), False), ((Tags.database,), False), ((), True)):
        checks.register(_run(tags, deploy), "realtime", *tags, deploy=deploy)


@cache  # apps may become ready more than once, and Django runs the same function once
def _run(tags: tuple[str, ...], deploy: bool) -> Callable[..., Sequence[CheckMessage]]:
    def run(**kwargs: Any) -> Sequence[CheckMessage]:
        from realtime.checks import (  # noqa: F401  # which register themselves
            declarations,
            installation,
            libraries,
            log_databases,
            servers,
            setup,
            site,
            templates,
            time,
        )

        return [message for check in _checks[tags, deploy] for message in check(**kwargs)]

    return run
