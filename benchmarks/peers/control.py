"""Control: the WebSocket by which the load driver has a server do something; each command has one answer."""

import gc
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]
Publish = Callable[[str], Awaitable[float]]
Command = Callable[[str], Awaitable[dict[str, Any]]]


# thousands of connections stay: looking through all of them each time that some hundred objects are made costs seconds
gc.set_threshold(10_000, 20, 50)


def controlled(application: Application, publish: Publish, commands: dict[str, Command] | None = None) -> Application:
    """The application, with the control beside it.

    `publish` takes the text of a change, and returns when it was committed; a text that begins with "++" is that of
    a new row. `commands` are others, by their first word.
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
