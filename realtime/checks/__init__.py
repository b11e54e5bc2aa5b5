"""System checks: they report wrong configuration at start, with hints.

Their modules are imported when Django runs the checks, because most processes never do.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.core import checks
from django.core.checks import CheckMessage, Tags

logger = logging.getLogger("realtime.checks")

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

        return [message for check in _checks[tags, deploy] for message in _messages(check, **kwargs)]

    return run


def _messages(check: Callable[..., Sequence[CheckMessage]], **kwargs: Any) -> Sequence[CheckMessage]:
    """Run a check. If it fails itself, that is its message, and the checks of others go on."""
    try:
        return check(**kwargs)
    except Exception as error:
        from realtime.conf import problems  # not with this module, whose package may be overwritten

        if problems():  # wrong settings, which another check reports
            return []
        logger.exception("The check %s failed.", check.__name__)
        text = f"The check {check.__name__} failed: {type(error).__name__}: {error}"
        return [checks.Error(text, hint="The logger `realtime.checks` has the traceback.", id="realtime.E067")]
