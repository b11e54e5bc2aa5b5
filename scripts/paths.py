"""Traces the path of a change to a client, and of a call to its action: the packages and files that run.

A real hub serves a real client in this process, with a new SQLite database, and each function of the package that runs
is recorded. Periodic work (sweeps, heartbeats, reports) is excluded: only functions that run every time are kept.

`python -m scripts.paths` prints the paths. With `--check` it fails if a path has more places than `MOST_PLACES`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from realtime.client import LiveQuery
    from realtime.testing.client import UserClient

PACKAGE = Path(__file__).resolve().parents[1] / "realtime"
OUTSIDE = ("client", "testing")  # the client's side
ROUNDS = 8
QUIET_SECONDS = 0.03  # a round begins after nothing has run for so long
MOST_PLACES = {"change": 9, "call": 8}


class Step(NamedTuple):
    """A function on the path, with its file in the package."""

    file: str
    function: str

    @property
    def place(self) -> str:
        """The package or module that lies directly in `realtime`."""
        return self.file.partition("/")[0].removesuffix(".py")


class Recorder:
    """Records each function of the package that is entered between `start` and `stop`, in any thread."""

    def __init__(self) -> None:
        self.action: CodeType | None = None
        self.entered: Callable[[], object] = lambda: None  # called when the action is entered
        self.left: Callable[[], object] = lambda: None
        self._steps: dict[Step, None] = {}
        self._on = False

    def install(self) -> None:
        """Profile this thread, and every thread that starts from now on."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def start(self) -> None:
        self._steps = {}
        self._on = True

    def stop(self) -> list[Step]:
        """Return the functions since `start`, in the order of their first calls."""
        self._on = False
        return list(self._steps)

    async def quiet(self) -> None:
        """Wait until nothing runs: acknowledgements and rounds of the log are done."""
        while True:
            self.start()
            await asyncio.sleep(QUIET_SECONDS)
            if not self.stop():
                return

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code is self.action and event in ("call", "return"):
            (self.entered if event == "call" else self.left)()
        if not self._on or event != "call":
            return
        path = frame.f_code.co_filename
        if path.startswith(f"{PACKAGE}/"):
            step = Step(path[len(str(PACKAGE)) + 1 :], frame.f_code.co_qualname)
            if step.place not in OUTSIDE and step.function != "<module>":
                self._steps.setdefault(step)


class Wire:
    """An ASGI application that wraps the server, and reports the messages between it and the client."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self.received: Callable[[str], None] = lambda text: None
        self.sent: Callable[[str], None] = lambda text: None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def take() -> Any:
            message = await receive()
            self.received(message.get("text") or "")
            return message

        async def hand_on(message: Any) -> None:
            self.sent(message.get("text") or "")
            await send(message)

        await self._application(scope, take, hand_on)


def common(runs: list[list[Step]]) -> list[Step]:
    """Return the steps of every run, in the order of the last run."""
    always = set(runs[0]).intersection(*runs[1:])
    return [step for step in runs[-1] if step in always]


def places(steps: list[Step]) -> dict[str, list[str]]:
    """Return the files of each place, both in the order of their first calls."""
    found: dict[str, dict[str, None]] = {}
    for step in steps:
        found.setdefault(step.place, {}).setdefault(step.file)
    return {place: list(files) for place, files in found.items()}


def trace() -> dict[str, list[Step]]:
    """Return the steps of a change, of a call and of its reply, traced on a new database."""
    recorder = Recorder()
    recorder.install()
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= {"DJANGO_SETTINGS_MODULE": "demo_project.settings", "DEMO_DB": f"{folder}/demo.sqlite3"}
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            call_command("seed", verbosity=0)
            return asyncio.run(_trace(recorder))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def _trace(recorder: Recorder) -> dict[str, list[Step]]:
    from asgiref.sync import sync_to_async
    from django.contrib.auth import get_user_model

    from demo_project.board.models import Task
    from demo_project.board.streams import TaskStream
    from realtime.connections.transports.websocket import RealtimeConsumer
    from realtime.testing.client import connect

    wire = Wire(RealtimeConsumer.as_asgi())
    runs: dict[str, list[list[Step]]] = {"change": [], "call": [], "reply": []}
    task = await Task.objects.select_related("project").afirst()
    assert task is not None
    user = await get_user_model().objects.aget(username="ada")

    async with connect(user, application=wire) as client:
        tasks = client.subscribe("tasks", {"project": task.project_id}, format="html")
        await tasks.ready()

        def end(kind: str) -> None:
            if len(runs[kind]) == number:
                runs[kind].append(recorder.stop())

        for number in range(ROUNDS + 1):  # the first round fills caches
            title = f"Round {number}"
            # a patch only has the differing part of the title, and may come in short
            wire.sent = lambda text: (
                end("change") if text[:1] == "[" or '"puts"' in text or '"patches"' in text else None
            )
            await recorder.quiet()
            recorder.start()
            await sync_to_async(Task.objects.filter(pk=task.pk).update)(title=title)
            await _wait_for(client, tasks, title)

        recorder.action = TaskStream.rename.__code__
        recorder.entered = lambda: end("call")
        recorder.left = recorder.start
        wire.received = lambda text: recorder.start() if '"call"' in text else None
        wire.sent = lambda text: end("reply") if '"reply"' in text else None
        for number in range(ROUNDS + 1):
            title = f"Call {number}"
            await recorder.quiet()
            await tasks.call("rename", {"pk": task.pk, "title": title})
            await _wait_for(client, tasks, title)
    return {kind: common(found[1:]) for kind, found in runs.items()}


async def _wait_for(client: UserClient, tasks: LiveQuery, title: str) -> None:
    await client.wait_for(tasks, lambda rows: any(title in row for row in rows))


TITLES = {
    "change": "A change, down: from the ORM's statement to the frame at the transport",
    "call": "A call, up: from the message at the transport to the stream's own method",
    "reply": "The reply, down: from the method's return to the message at the transport",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where a path has more places than it may")
    parser.add_argument("--functions", action="store_true", help="name the functions of each file, too")
    options = parser.parse_args()
    traced = trace()
    failed = False
    for kind, steps in traced.items():
        found = places(steps)
        files = sum(map(len, found.values()))
        most = MOST_PLACES.get(kind)
        print(f"{TITLES[kind]}\n{len(found)} places{f' (at most {most})' if most else ''}, {files} files")
        for place, names in found.items():
            print(f"  {place:12} {' '.join(name.removeprefix(f'{place}/') for name in names)}")
            for name in names if options.functions else ():
                print(f"    {name}: {' '.join(step.function for step in steps if step.file == name)}")
        print()
        if most is not None and len(found) > most:
            failed = True
            print(f"The path of a {kind} has {len(found)} places; it may have {most}.", file=sys.stderr)
    return 1 if options.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
