"""Control: the WebSocket on which the load driver sends commands to a server. Each command has one answer."""

import gc
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]
Publish = Callable[[str], Awaitable[float]]
Command = Callable[[str], Awaitable[dict[str, Any]]]


# a garbage collection with thousands of connections after every few hundred new objects would cost seconds; one that
# looks at what twenty others have left stops the process for as long as they together
gc.set_threshold(10_000, 1, 1000)


def controlled(application: Application, publish: Publish, commands: dict[str, Command] | None = None) -> Application:
    """Return the application with the control.

    `publish` takes the text of a change, and returns when it was committed. A text that begins with "++" is for a new
    row. `commands` are other commands, by their first word.
    """

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        if scope["path"] != "/control":
            await application(scope, receive, send)
            return
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
                continue
            text = message["text"]
            word, _, rest = text.partition(" ")
            if text == "time":
                answer: dict[str, Any] = {"time": time.time()}
            elif commands and word in commands:
                answer = await commands[word](rest)
            else:
                answer = {"at": await publish(text)}
            await send({"type": "websocket.send", "text": json.dumps(answer)})

    return serve
