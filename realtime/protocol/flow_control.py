"""Flow control: limits for unacknowledged messages to a client, and for the events among them."""

from __future__ import annotations

from collections import deque

from realtime.exceptions import BadMessage
from realtime.protocol.messages import Window

EVENT_SECONDS = 2.0  # after which an event is useless
EVENT_BYTES = 64 * 1024  # the initial limit of unacknowledged events, before the client's speed is known
LEAST_EVENT_BYTES = 8 * 1024


class Credit:
    """The messages that were sent after `welcome` and are not acknowledged yet.

    The window limits their bytes, and the number of frames among them. While it is used up, no frame is sent, and no
    request is handled. Answers to earlier requests are still sent. When these use as many bytes again, the credit is
    overdrawn.
    """

    __slots__ = ("_beyond", "_frames", "_most_bytes", "_most_frames", "_sizes", "acknowledged", "bytes", "has_room")

    def __init__(self, window: Window) -> None:
        self.acknowledged = 0  # messages
        self.has_room = True
        self._most_frames, self._most_bytes = window.frames, window.bytes
        self._sizes: deque[int] = deque()  # of the unacknowledged messages; negative for frames
        self.bytes = 0  # the sum of the sizes
        self._frames = 0  # the number of frames among them
        self._beyond = 0  # bytes sent since there is no room

    @property
    def sent(self) -> int:
        """The number of messages that were sent."""
        return self.acknowledged + len(self._sizes)

    @property
    def overdrawn(self) -> bool:
        return self._beyond > self._most_bytes

    def use(self, size: int, *, is_frame: bool = False) -> None:
        """Count a message of `size` bytes that is sent."""
        if not self.has_room:
            self._beyond += size
        self.bytes += size
        if is_frame:
            self._frames += 1
            self._sizes.append(-size)
        else:
            self._sizes.append(size)
        self.has_room = self._frames < self._most_frames and self.bytes < self._most_bytes

    def acknowledge(self, messages: int) -> None:
        """Note how many messages the client has handled in total. Raise `BadMessage` for an impossible number."""
        if not self.acknowledged <= messages <= self.sent:
            raise BadMessage(f"Acknowledged {messages} messages; expected {self.acknowledged} to {self.sent}.")
        while self.acknowledged < messages:
            size = self._sizes.popleft()
            self.bytes -= abs(size)
            self._frames -= size < 0
            self.acknowledged += 1
        self.has_room = self._frames < self._most_frames and self.bytes < self._most_bytes
        if self.has_room:
            self._beyond = 0


class EventPace:
    """Limits the bytes of events on the way to a client, so that none arrives late.

    From time to time, a heartbeat asks the client for an acknowledgement. Until it arrives, the bytes of events are
    limited. A late acknowledgement halves the limit, a prompt one raises it a little.
    """

    __slots__ = ("_asked", "_bytes", "_is_late", "_limit", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = min(EVENT_BYTES, most)
        self._bytes = 0  # of events since the last request for an acknowledgement
        self._asked: float | None = None  # when it was sent, until the acknowledgement arrives
        self._is_late = False

    def take(self, size: int, now: float, *, owing: bool) -> bool:
        """Return whether an event of `size` bytes may be sent. `owing`: the acknowledgement has not arrived yet."""
        if self._asked is not None:
            seconds = now - self._asked
            if seconds > EVENT_SECONDS / 2 and not self._is_late:
                self._is_late = True
                self._limit = max(self._limit // 2, LEAST_EVENT_BYTES)
            if not owing:
                self._asked = None
                self._limit = self._limit if self._is_late else min(self._limit + LEAST_EVENT_BYTES, self._most)
            elif seconds > EVENT_SECONDS or self._bytes + size > self._limit:
                return False
        self._bytes += size
        return True

    def asks(self, now: float) -> bool:
        """Return whether to ask the client for an acknowledgement now."""
        if self._asked is not None or self._bytes < self._limit // 4:
            return False
        self._asked, self._is_late, self._bytes = now, False, 0
        return True
