"""A process that runs Python code with Django set up, piece by piece, as a cron job or a shell would.

`Worker` starts it. It reads one JSON string per line, evaluates it, and answers with one JSON line.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from tests.support.demo import ROOT
from tests.support.processes import start

PRELUDE = """
import datetime, os, signal, time
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from tests.oracle import expected, writes
from tests.oracle.expected import Wanted
from tests.oracle.models import Box, Item, Person, Region, Tag
User = get_user_model()
"""


class Worker:
    """The process, seen from the test. `run` executes statements; `ask` returns the value of an expression."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._popen = start(
            [sys.executable, "-m", "tests.support.faults_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=env,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def run(self, code: str) -> None:
        self.ask(code, how="exec")

    def ask(self, code: str, *, how: str = "eval") -> Any:
        self.send(code, how=how)
        return self.answer()

    def send(self, code: str, *, how: str = "exec") -> None:
        """Ask, and leave the answer for later."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps([how, code]) + "\n")
        self._popen.stdin.flush()

    def answer(self) -> Any:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        assert line, "The worker has ended."
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def kill(self) -> None:
        self._popen.kill()
        self._close()

    def stop(self) -> None:
        if self._popen.poll() is None:
            self._popen.terminate()
        self._close()

    def _close(self) -> None:
        self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            assert stream is not None
            stream.close()


def main() -> None:
    import django

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the code prints is no answer
    django.setup()
    names: dict[str, Any] = {}
    exec(PRELUDE, names)
    for line in sys.stdin:
        how, code = json.loads(line)
        try:
            value = eval(code, names) if how == "eval" else exec(code, names)
            answer: Any = {"value": value}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
