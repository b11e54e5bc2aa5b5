"""Check of the installed ASGI servers: whether realtime can disable compressed messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.core.checks import CheckMessage, Warning

from realtime.checks import register
from realtime.connections.transports.message_limits import KNOWN_VERSIONS


@register(deploy=True)
def check_servers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W035: an untested version of a server that supports compressed messages."""
    found: list[CheckMessage] = []
    for name, (lowest, beyond) in KNOWN_VERSIONS.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if not lowest <= _numbers(installed) < beyond:
            found.append(
                Warning(
                    f"{name} {installed} is not a version in which realtime is known to disable "
                    "compressed messages. With them, an anonymous client can exhaust the server's memory.",
                    hint="Start uvicorn with --ws-per-message-deflate false, or have the proxy remove the header "
                    "Sec-WebSocket-Extensions; see docs/operations/servers.md. `realtime_doctor` "
                    "shows whether compression is off.",
                    id="realtime.W035",
                )
            )
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))
