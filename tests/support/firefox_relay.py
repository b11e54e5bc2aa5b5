"""Stands between Playwright and the system's Firefox, and answers what an older Firefox does not know.

Playwright starts it as if it were Firefox, with the same arguments. It starts Firefox, tells Playwright its own
address in Firefox's words, and passes everything on; a command to emulate something that this Firefox cannot
emulate is answered as done. No test needs more than the network and the viewport.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
UNKNOWN = "unknown command"


async def relay(playwright: ServerConnection, firefox: ClientConnection) -> None:
    emulations: set[int] = set()

    async def down() -> None:
        async for text in playwright:
            message = json.loads(text)
            if message["method"].startswith("emulation."):
                emulations.add(message["id"])
            await firefox.send(text)

    async def up() -> None:
        async for text in firefox:
            message = json.loads(text)
            if message.get("id") in emulations and message.get("error") == UNKNOWN:
                text = json.dumps({"id": message["id"], "type": "success", "result": {}})
            await playwright.send(text)

    tasks = [asyncio.create_task(down()), asyncio.create_task(up())]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> int:
    firefox = await asyncio.create_subprocess_exec(
        os.environ["REALTIME_TEST_FIREFOX"], *sys.argv[1:], stderr=asyncio.subprocess.PIPE
    )
    try:
        while line := await firefox.stderr.readline():
            if found := LISTENING.search(line):
                break
        else:
            return await firefox.wait()

        async def handle(playwright: ServerConnection) -> None:
            async with connect(
                f"{found[1].decode()}/session", max_size=None, proxy=None, ping_interval=None
            ) as socket:
                await relay(playwright, socket)

        async with serve(handle, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
            port = server.sockets[0].getsockname()[1]
            print(f"WebDriver BiDi listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
            while await firefox.stderr.readline():
                pass
            return await firefox.wait()
    finally:
        if firefox.returncode is None:
            firefox.kill()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
