"""A daphne that is attacked, over bare sockets and by clients that break the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.connections.transports.conftest import Daphne, client, server, session
from tests.support.rawsocket import RawSocket

__all__ = ["client", "server", "session"]

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="package")
def daphne(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daphne]:
    daphne = Daphne(tmp_path_factory.mktemp("attacked"), settings="tests.hostile.settings")
    daphne.start()
    yield daphne
    daphne.stop()


@pytest.fixture
def raw(server: Daphne) -> Iterator[Any]:
    """`raw()`: a socket on which the handshake was done, and nothing more; `raw(handshake=False)`: not even that."""
    sockets: list[RawSocket] = []

    def raw(**options: Any) -> RawSocket:
        sockets.append(RawSocket(server.port, **options))
        return sockets[-1]

    yield raw
    for socket in sockets:
        socket.close()


@pytest.fixture
def memory(server: Daphne) -> Any:
    """The server's memory in MiB."""
    process = psutil.Process(server.pid)
    return lambda: process.memory_info().rss / MEGABYTE
