"""Callers over real WebSockets, whose connections are cut at any step: they repeat what was not answered."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

WINDOW = 20  # calls of one caller that are on their way
CUT_EVERY = 150  # messages of either direction, on average
TROUBLE_SECONDS = 6
ATTEMPTS = 200  # connections in a row without any reply


class Caller:
    """Calls an action once with each of its words, on whichever server of `urls` it gets."""

    def __init__(
        self, urls: Callable[[], list[str]], words: Iterator[str], *, params: dict[str, Any], seed: int
    ) -> None:
        self.urls = urls
        self.words = words
        self.params = params
        self.counts: Counter[str] = Counter()
        self.results: dict[str, Any] = {}  # by word; a second answer has to be the same
        self._pending: dict[str, str] = {}  # words by the ids of their calls
        self._chance = random.Random(seed)
        self._exhausted = False

    async def run(self) -> None:
        fruitless = 0
        while not self._exhausted or self._pending:
            before = len(self.results)
            try:
                async with asyncio.timeout(60):
                    await self._connect()
            except (OSError, WebSocketException, TimeoutError):
                self.counts["lost connections"] += 1
            fruitless = 0 if len(self.results) > before else fruitless + 1
            assert fruitless < ATTEMPTS, f"No reply to {len(self._pending)} calls in {ATTEMPTS} connections."
            await asyncio.sleep(self._chance.uniform(0, 0.05))

    async def _connect(self) -> None:
        url = self._chance.choice(self.urls())
        async with connect(url, open_timeout=10, ping_interval=None, close_timeout=1) as socket:
            await socket.send(json.dumps({"type": "hello", "version": 1}))
            for id, word in list(self._pending.items()):
                self.counts["repeated"] += 1
                await self._send(socket, id, word)
            frames = 0
            while True:
                while len(self._pending) < WINDOW and not self._exhausted:
                    word = next(self.words, None)
                    if word is None:
                        self._exhausted = True
                    else:
                        self._pending[f"call {word}"] = word
                        await self._send(socket, f"call {word}", word)
                if not self._pending:
                    return
                message = json.loads(await socket.recv())
                self._maybe_cut(socket)
                if message["type"] == "reply":
                    self._take(message)
                if message["type"] == "frame":
                    frames += 1
                    if frames % 4 == 0:
                        await socket.send(json.dumps({"type": "ack", "frames": frames}))
                if message["type"] == "heartbeat":
                    await socket.send(json.dumps({"type": "ack", "frames": frames}))

    async def _send(self, socket: ClientConnection, id: str, word: str) -> None:
        call = {"type": "call", "id": id, "stream": "faults.box", "params": self.params, "action": "add_once"}
        await socket.send(json.dumps({**call, "args": {"title": word}}))
        self._maybe_cut(socket)

    def _maybe_cut(self, socket: ClientConnection) -> None:
        if self._chance.randrange(CUT_EVERY) == 0:
            self.counts["cuts"] += 1
            socket.transport.abort()

    def _take(self, message: dict[str, Any]) -> None:
        word = self._pending.get(message["id"])
        if word is None:
            return
        if "error" in message:
            # a call that had no effect: it is called again, with the same id
            self.counts[f"refused with {message['error']['code']}"] += 1
            self._pending.pop(message["id"])
            self._pending[message["id"]] = word
            raise ConnectionError("The call is to be repeated.")
        assert self.results.setdefault(word, message["result"]) == message["result"]
        del self._pending[message["id"]]


def call_all(
    urls: Callable[[], list[str]],
    words: list[str],
    *,
    params: dict[str, Any],
    callers: int,
    trouble: Callable[[], None],
) -> tuple[Counter[str], dict[str, Any]]:
    """Call with all words from many callers at once, while `trouble` is made again and again.

    Return how often what happened, and the results by word.
    """
    source = iter(words)
    made = [Caller(urls, source, params=params, seed=number) for number in range(callers)]
    done = threading.Event()

    def disturb() -> None:
        while not done.wait(TROUBLE_SECONDS):
            trouble()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for caller in made:
                group.create_task(caller.run())

    thread = threading.Thread(target=disturb, name="trouble")
    thread.start()
    try:
        asyncio.run(run())
    finally:
        done.set()
        thread.join()
    counts: Counter[str] = sum((caller.counts for caller in made), Counter())
    return counts, {word: result for caller in made for word, result in caller.results.items()}
