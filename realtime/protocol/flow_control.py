"""Flow control: how much may be on the way to a client that has not acknowledged it, and how much of it events."""

from __future__ import annotations

from collections import deque

from realtime.exceptions import BadMessage
from realtime.protocol.messages import Window

EVENT_SECONDS = 2.0  # after which an event is of no use any more
EVENT_BYTES = 64 * 1024  # of events on the way to a client of which it is not known how fast it reads
LEAST_EVENT_BYTES = 8 * 1024


class Credit:
    """What was sent after `welcome` and is not acknowledged yet.

    Every message counts with its bytes, and a frame as a frame too. While the window is used up there is no room: no
    frame is to be sent and no request to be taken up. What is under way then still goes out; when that has come to as
    much again, the credit is overdrawn.
    """

    __slots__ = ("_beyond", "_frames", "_most_bytes", "_most_frames", "_sizes", "acknowledged", "bytes", "has_room")

    def __init__(self, window: Window) -> None:
        self.acknowledged = 0  # messages
        self.has_room = True
        self._most_frames, self._most_bytes = window.frames, window.bytes
        self._sizes: deque[int] = deque()  # of messages not yet acknowledged; of frames, negative
        self.bytes = 0  # their sum
        self._frames = 0  # how many of them are frames
        self._beyond = 0  # bytes sent since there was no room any more

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self.acknowledged + len(self._sizes)

    @property
    def overdrawn(self) -> bool:
        return self._beyond > self._most_bytes

    def use(self, size: int, *, is_frame: bool = False) -> None:
        """A message of so many bytes is sent."""
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
        """The client has handled so many messages in all. Raise `BadMessage`."""
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
    """How many bytes of events may be on the way to a client, so that none arrives late.

    Now and then the client is asked for an acknowledgement. While it owes one, there is a limit to what it is sent
    meanwhile: halved when the answer is late, raised a little when it is prompt.
    """

    __slots__ = ("_asked", "_bytes", "_is_late", "_limit", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = min(EVENT_BYTES, most)
        self._bytes = 0  # of events, since the client was last asked
        self._asked: float | None = None  # when it was, while it owes the answer
        self._is_late = False

    def take(self, size: int, now: float, *, owing: bool) -> bool:
        """Whether an event of so many bytes may be sent; `owing`: the client has not answered yet."""
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
        """Whether the client is to be asked now."""
        if self._asked is not None or self._bytes < self._limit // 4:
            return False
        self._asked, self._is_late, self._bytes = now, False, 0
        return True
