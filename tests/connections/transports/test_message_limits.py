"""What cannot be limited is named in the log, once."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest

from realtime.connections.transports import message_limits
from realtime.connections.transports.message_limits import limit_messages
from tests.support.work import lines


@pytest.fixture(autouse=True)
def nothing_said():
    message_limits._warn_once.cache_clear()


class OtherVersion:
    """uvicorn's protocol, of a version that nobody knows."""

    async def send(self, message): ...


OtherVersion.__module__ = "uvicorn.protocols.websockets.websockets_sansio_impl"
OtherVersion.__qualname__ = "WebSocketsSansIOProtocol"


async def wrapped(message): ...


def test_version_that_is_not_known(caplog):
    with caplog.at_level(logging.WARNING, "realtime"):
        for _ in range(2):
            limit_messages(None, OtherVersion().send)
    [record] = caplog.records
    assert "this version of uvicorn.protocols.websockets.websockets_sansio_impl is not known" in record.getMessage()
    assert "--ws-per-message-deflate false" in record.getMessage()


def test_middleware_that_hides_the_server(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypercorn", SimpleNamespace())
    monkeypatch.delitem(sys.modules, "uvicorn", raising=False)
    with caplog.at_level(logging.WARNING, "realtime"):
        limit_messages(wrapped, wrapped)
    assert "middleware hides the connection of hypercorn" in caplog.text


def test_server_without_compression_is_not_named(caplog, monkeypatch):
    for name in message_limits.KNOWN_VERSIONS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with caplog.at_level(logging.WARNING, "realtime"):
        limit_messages(wrapped, wrapped)
    assert caplog.text == ""


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 70_000])
def test_gunicorns_worker_unmasks_in_a_few_steps(size):
    from gunicorn.asgi.websocket import WebSocketProtocol

    connection = WebSocketProtocol.__new__(WebSocketProtocol)
    connection.max_message_size = None
    payload, key = bytes(number * 7 % 256 for number in range(size)), b"\x00\xff\x81\x07"
    plain = connection._unmask(payload, key)
    message_limits._gunicorn(connection, 1000)
    found: list[bytes] = []
    assert lines(lambda: found.append(connection._unmask(payload, key))) < 10
    assert found == [plain]
