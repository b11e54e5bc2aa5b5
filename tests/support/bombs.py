"""What a visitor may send to fill a server's memory, and what that memory has grown by at the most."""

from __future__ import annotations

import time
import zlib

import psutil

from tests.support.rawsocket import CONTINUATION, TEXT, RawSocket, frame

MEGABYTE = 1024 * 1024
SOCKETS = 8
QUIET_SECONDS = 0.5  # in which the server takes nothing more, and goes on with what it has
MOST_SECONDS = 3.0  # for a server that reads on, and throws away
LOOK_SECONDS = 0.02
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}
RSV1 = 4  # the bit of a compressed message


def unmasked(opcode: int, payload: bytes, **options: object) -> bytes:
    """A frame whose mask is zero, which takes no time to make."""
    plain = frame(opcode, payload, masked=False, **options)  # type: ignore[arg-type]
    cut = len(plain) - len(payload)
    return bytes([plain[0], plain[1] | 0x80]) + plain[2:cut] + bytes(4) + payload


def compressed_messages(*, each: int = 16_000_000, total: int = MEGABYTE // 4) -> bytes:
    """Messages that are large when they are read, and `total` bytes as they are sent."""
    deflater = zlib.compressobj(9, wbits=-15)
    message = unmasked(TEXT, (deflater.compress(b" " * each) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=RSV1)
    return message * (total // len(message))


def endless_message(*, total: int = 4 * MEGABYTE) -> bytes:
    """A message in fragments, of which the last does not come."""
    part = bytes(32_000)
    first, next_one = unmasked(TEXT, part, fin=False), unmasked(CONTINUATION, part, fin=False)
    return first + next_one * (total // len(part))


def growth(port: int, pid: int, data: bytes) -> float:
    """The MiB by which a server has grown at the most while eight sockets send it this."""
    before = memory(pid)
    most = before
    sockets = [RawSocket(port, headers=dict(DEFLATE)) for _ in range(SOCKETS)]
    left = dict.fromkeys(sockets, memoryview(data))
    begun = moved = looked = time.monotonic()
    while time.monotonic() < min(moved + QUIET_SECONDS, begun + MOST_SECONDS):
        for socket, rest in left.items():
            if rest and (taken := socket.send_some(rest[:65536])):
                left[socket] = rest[taken:]
                moved = time.monotonic()
        if time.monotonic() > looked + LOOK_SECONDS:
            most = max(most, memory(pid))
            looked = time.monotonic()
        if time.monotonic() > moved:
            time.sleep(LOOK_SECONDS)
    most = max(most, memory(pid))
    for socket in sockets:
        socket.close()
    return most - before


def memory(pid: int) -> float:
    """The memory of a process and its children, in MiB."""
    process = psutil.Process(pid)
    return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / MEGABYTE
