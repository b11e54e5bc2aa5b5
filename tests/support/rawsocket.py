"""A WebSocket made by hand: every bit of a frame (RFC 6455, 5.2) can be as it should not be."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any

from tests.support.waiting import seconds

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """One frame; `length` is what it says of its payload, where that is not the truth."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload) if length is None else length
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 2**16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


class RawSocket:
    """The client's end of a connection to the endpoint, read frame by frame."""

    def __init__(
        self, port: int, *, handshake: bool = True, headers: dict[str, str | None] | None = None, buffer: int = 0
    ) -> None:
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(seconds(20))
        self._socket.connect(("127.0.0.1", port))
        self._rest = b""
        if handshake:
            self.send(self.request(port, headers or {}))
            self.answer = self.read_head()

    def request(self, port: int, headers: dict[str, str | None]) -> bytes:
        """The handshake; a header of None is left out."""
        fields = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        } | headers
        lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
        return "\r\n".join(["GET /realtime/ws/ HTTP/1.1", *lines, "", ""]).encode()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def say(self, **message: Any) -> None:
        self.send(frame(TEXT, json.dumps(message).encode()))

    def read_head(self) -> str:
        """The head of an HTTP answer; "" where the server closed the socket."""
        while b"\r\n\r\n" not in self._rest:
            if not (data := self._receive()):
                return ""
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head.decode()

    def read(self) -> tuple[int, bytes] | None:
        """The next frame, as opcode and payload; None where the socket is closed."""
        if (head := self._exactly(2)) is None:
            return None
        size = head[1] & 0x7F
        if size > 125:
            longer = self._exactly(2 if size == 126 else 8)
            size = int.from_bytes(longer or b"", "big")
        payload = self._exactly(size)
        return None if payload is None else (head[0] & 0x0F, payload)

    def message(self) -> dict[str, Any]:
        """The next text."""
        while (found := self.read()) is not None:
            if found[0] == TEXT:
                message: dict[str, Any] = json.loads(found[1])
                return message
        raise AssertionError("The server closed the connection.")

    def end(self) -> tuple[list[dict[str, Any]], int | None]:
        """Read to the end: the messages that came, and the code of the close frame, None where there was none."""
        messages, code = [], None
        while (found := self.read()) is not None:
            opcode, payload = found
            if opcode == TEXT:
                messages.append(json.loads(payload))
            elif opcode == CLOSE and code is None:
                code = int.from_bytes(payload[:2], "big") if payload else 1005
                self.try_to_send(frame(CLOSE, payload[:2]))
        return messages, code

    def try_to_send(self, data: bytes) -> bool:
        """Send what the server may not take any more; return whether it did."""
        try:
            self.send(data)
        except OSError:
            return False
        return True

    def send_some(self, data: bytes | memoryview) -> int:
        """Send what the server takes just now; all that is left counts as sent where it has gone."""
        self._socket.setblocking(False)
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, size: int) -> bytes | None:
        while len(self._rest) < size:
            if not (data := self._receive()):
                return None
            self._rest += data
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionError:
            return b""
