"""Another process that writes: it has Django set up, and runs the code that a test sends it.

    python -m tests.browser.writer

reads one JSON string with code from each line of its input, and answers each with one line of JSON.
"""

import json
import select
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.demo import ROOT, Site, environment
from tests.support.processes import start

PAUSE_SECONDS = 0.005  # between two writes of a stream, so that it leaves the processor to those who are tested


class Writer:
    """The process, as the test sees it. Starting it once is much quicker than `manage.py shell` for each write."""

    def __init__(self, database: Path, site: Site) -> None:
        self.database = database
        self._process = start(
            [sys.executable, "-m", "tests.browser.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(database, site),
            cwd=ROOT,
        )

    def __call__(self, code: str, **names: Any) -> Any:
        """Run the code with these names, and return its value if it is an expression."""
        self.start(code, **names)
        return self.finish()

    def start(self, code: str, **names: Any) -> None:
        """Run the code while the test does other things; `until_told()` in it ends with `finish`."""
        self._send({"code": code, "names": names})

    def finish(self) -> Any:
        self._send(None)
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _send(self, message: Any) -> None:
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def until_told() -> Iterator[int]:
    """Counts, with a little pause each time, until the test wants to go on."""
    number = 0
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        yield number
        number += 1


def run(code: str, names: dict[str, Any]) -> Any:
    try:
        expression = compile(code, "<test>", "eval")
    except SyntaxError:
        exec(code, names)
        return None
    return eval(expression, names)


def main() -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import transaction

    import realtime
    from demo_project.board.models import Project, Task
    from realtime.models import Job, Notification

    shared = {
        "Job": Job,
        "Notification": Notification,
        "Project": Project,
        "Task": Task,
        "User": User,
        "realtime": realtime,
        "call_command": call_command,
        "transaction": transaction,
        "until_told": until_told,
    }
    while line := sys.stdin.readline():
        message = json.loads(line)
        try:
            answer = {"value": run(message["code"], {**shared, **message["names"]})}
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdin.readline()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
