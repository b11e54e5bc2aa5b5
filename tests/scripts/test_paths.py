"""The paths of a change and of a call, traced in a process of their own."""

import subprocess
import sys
from pathlib import Path

from scripts.paths import Step, common, places
from tests.support.waiting import seconds

ROOT = Path(__file__).resolve().parents[2]


def test_paths_are_traced_and_have_no_more_places_than_they_may():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.paths", "--check", "--functions"],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds(60), check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    change, call, reply = done.stdout.split("\n\n")[:3]
    for path, functions in {
        change: (
            "record_update",
            "ChangeLog.append",
            "Waiter.wake",
            "Tail.tick",
            "fan_out",
            "WebSocketSender.send",
        ),
        call: ("Connection.receive", "ClientSession.receive", "open_stream", "perform", "begin"),
        reply: ("finish", "ClientSession.reply", "WebSocketSender.send"),
    }.items():
        assert set(functions) <= set(path.split()), path


def test_place_is_what_lies_directly_in_the_package():
    steps = [Step("hub/hub.py", "Hub"), Step("conf.py", "Settings"), Step("hub/pubsub/sender.py", "send")]

    assert places(steps) == {"hub": ["hub/hub.py", "hub/pubsub/sender.py"], "conf": ["conf.py"]}


def test_what_runs_now_and_then_is_no_step():
    always, sometimes, last = Step("a.py", "always"), Step("b.py", "sometimes"), Step("c.py", "last")

    assert common([[always, sometimes, last], [last, always]]) == [last, always]
