"""Credit: how much may be on the way to a client that has not acknowledged it."""

from __future__ import annotations

from collections import deque

from realtime.exceptions import BadMessage
from realtime.protocol.messages import Window


class Credit:
    """What was sent after `welcome` and is not acknowledged yet.

    Every message counts with its bytes, and a frame as a frame too. While the window is used up there is no room: no
    frame is to be sent and no request to be taken up. What is under way then still goes out; when that has come to as
    much again, the credit is overdrawn.
    """

    __slots__ = ("_beyond", "_bytes", "_frames", "_most_bytes", "_most_frames", "_sizes", "acknowledged", "has_room")

    def __init__(self, window: Window) -> None:
        self.acknowledged = 0  # messages
        self.has_room = True
        self._most_frames, self._most_bytes = window.frames, window.bytes
        self._sizes: deque[int] = deque()  # of messages not yet acknowledged; of frames, negative
        self._bytes = 0  # their sum
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
        self._bytes += size
        if is_frame:
            self._frames += 1
            self._sizes.append(-size)
        else:
            self._sizes.append(size)
        self.has_room = self._frames < self._most_frames and self._bytes < self._most_bytes

    def acknowledge(self, messages: int) -> None:
        """The client has handled so many messages in all. Raise `BadMessage`."""
        if not self.acknowledged <= messages <= self.sent:
            raise BadMessage(f"Acknowledged {messages} messages, with {self.acknowledged} to {self.sent} possible.")
        while self.acknowledged < messages:
            size = self._sizes.popleft()
            self._bytes -= abs(size)
            self._frames -= size < 0
            self.acknowledged += 1
        self.has_room = self._frames < self._most_frames and self._bytes < self._most_bytes
        if self.has_room:
            self._beyond = 0
