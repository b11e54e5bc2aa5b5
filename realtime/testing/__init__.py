"""Testing: tools for a project's own tests, which see live queries as users do.

Tools that need other packages are imported lazily.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from realtime.client.errors import extra_required
from realtime.testing.faulty_layer import FaultyLayer
from realtime.testing.faulty_network import FaultyNetwork
from realtime.testing.pushes import Changed, Pushes, SentEvent, capture_pushes
from realtime.testing.viewer import Push, Viewer

if TYPE_CHECKING:
    from realtime.connections.transports.websocket import RealtimeConsumer
    from realtime.testing.client import UserClient, connect
    from realtime.testing.server import LiveServer, LiveServerTestCase, live_server

_LATE = {
    "LiveServer": "realtime.testing.server",
    "LiveServerTestCase": "realtime.testing.server",
    "RealtimeConsumer": "realtime.connections.transports.websocket",
    "UserClient": "realtime.testing.client",
    "connect": "realtime.testing.client",
    "live_server": "realtime.testing.server",
}

__all__ = [
    "Changed",
    "FaultyLayer",
    "FaultyNetwork",
    "LiveServer",
    "LiveServerTestCase",
    "Push",
    "Pushes",
    "RealtimeConsumer",
    "SentEvent",
    "UserClient",
    "Viewer",
    "capture_pushes",
    "connect",
    "live_server",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with extra_required():
        return getattr(import_module(_LATE[name]), name)
