"""A client that reads a few bytes a second, over a bare socket, and acknowledges nothing."""

import base64
import json
import os
import socket
import struct
import threading
from typing import Any

STEP_SECONDS = 0.1


class SlowReader:
    """Subscribes, and then hardly reads. Its receive buffer is the smallest that the system gives."""

    def __init__(self, port: int, stream: str, params: dict[str, Any], *, bytes_per_second: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        self._socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /realtime/ws/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = self._socket.recv(4096)
        assert b" 101 " in answer, answer
        self._send(type="hello", version=1)
        self._send(type="subscribe", id=1, stream=stream, params=params, format="data")
        self._at_a_time = max(1, int(bytes_per_second * STEP_SECONDS))
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="slow reader")
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while not self._closed.wait(STEP_SECONDS):
            if not self._socket.recv(self._at_a_time):
                return

    def _send(self, **message: Any) -> None:
        """One text frame, masked with zeros (RFC 6455, 5.2)."""
        data = json.dumps(message).encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        self._socket.sendall(b"\x81" + length + bytes(4) + data)
