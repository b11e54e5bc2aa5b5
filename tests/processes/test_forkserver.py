"""Forks of the fork server are what Python processes are that were really started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import forkserver
from tests.support.demo import ROOT
from tests.support.processes import run, start
from tests.support.waiting import seconds

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux alone"),
    pytest.mark.skipif(os.environ.get("REALTIME_TEST_FORKS") == "0", reason="REALTIME_TEST_FORKS forbids it"),
]

# What a process sees of itself before it runs anything of its own.
SELF = """
import gc, json, os, signal, sys, threading
signals = {s.name: str(signal.getsignal(s)) for s in signal.valid_signals() if s in (2, 13, 15, 17)}
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "name": __name__, "cwd": os.getcwd(), "environ": dict(os.environ),
    "signals": signals, "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "files": sorted(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.fileno()] for s in (sys.stdin, sys.stdout, sys.stderr)],
    "flags": list(sys.flags), "group": os.getpgrp(), "tests": "tests" in sys.modules,
}))
"""
PRELOADED = f"""
import json, os, sys
sys.path.insert(0, {str(ROOT)!r})
read = set()
class Environment(dict):
    def __getitem__(self, name):
        read.add(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        read.add(name)
        return super().get(name, default)
    def __contains__(self, name):
        read.add(name)
        return super().__contains__(name)
os.environ = Environment(os.environ)
import asyncio, threading, importlib
from tests.support.forkserver import PRELOADED
files, missing = os.listdir("/proc/self/fd"), []
for name in PRELOADED:
    try:
        importlib.import_module(name)
    except ImportError:
        missing.append(name)
import django.conf, django.apps
print(json.dumps({{
    "missing": missing, "settings": django.conf.settings.configured, "apps": django.apps.apps.apps_ready,
    "models": len(django.apps.apps.all_models), "threads": threading.active_count(), "read": sorted(read),
    "loop": asyncio.get_event_loop_policy()._local._loop is not None,
    "files": os.listdir("/proc/self/fd") == files, "modules": sorted(sys.modules),
}}))
"""


def fork(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    assert forkserver.can_fork([sys.executable, *command], options.get("env"))
    return run([sys.executable, *command], **options)


@pytest.mark.parametrize("how", ["-c", "-m", "script"])
def test_fork_sees_what_a_real_process_sees(how: str, tmp_path: Path) -> None:
    (tmp_path / "sees.py").write_text(SELF)
    (tmp_path / "more").mkdir()
    command = {"-c": ["-c", SELF], "-m": ["-m", "sees"], "script": ["sees.py"]}[how]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "more"), "OWN": "1"}
    options = {"cwd": tmp_path, "env": env}
    real = run([sys.executable, *command, "--an", "option"], fresh=True, **options)
    forked = fork(*command, "--an", "option", **options)

    assert (forked.returncode, forked.stderr) == (real.returncode, real.stderr) == (0, "")
    assert json.loads(forked.stdout) == json.loads(real.stdout)


def test_what_is_imported_beforehand_has_no_settings_reactor_or_threads() -> None:
    done = run([sys.executable, "-c", PRELOADED], fresh=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    modules = set(found.pop("modules"))
    set_by_tests = ("ASGI_", "DEMO_", "DJANGO_", "PG", "PORT", "REALTIME_", "REDIS_", "SITE_", "TZ")
    assert [name for name in found.pop("read") if name.startswith(set_by_tests)] == []
    assert found == {
        "missing": [], "settings": False, "apps": False, "models": 0, "threads": 1, "loop": False, "files": True,
    }  # fmt: skip
    # realtime looks whether these are loaded
    assert modules & {"twisted.internet.reactor", "uvicorn", "hypercorn", "mptt", "cachalot", "cacheops"} == set()
    assert not [name for name in modules if name.partition(".")[0] in ("realtime", "demo_project")]


def test_forks_have_random_numbers_of_their_own() -> None:
    code = "import random; print(random.random())"
    assert fork("-c", code).stdout != fork("-c", code).stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit", 0),
        ("import sys; sys.exit(3)", 3),
        ("1 / 0", 1),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    ],
)
def test_exit_codes(code: str, expected: int) -> None:
    done = fork("-c", code)
    assert done.returncode == expected
    assert ("ZeroDivisionError: division by zero" in done.stderr) == (expected == 1)


def test_exit_waits_for_threads_and_calls_what_is_registered() -> None:
    code = (
        "import atexit, threading; go = threading.Event(); atexit.register(print, 'end')\n"
        "threading.Thread(target=lambda: (go.wait(), print('thread'))).start(); go.set()"
    )
    assert fork("-c", code).stdout == "thread\nend\n"


def test_fork_is_told_written_to_and_waited_for() -> None:
    code = "import sys; print('ready', flush=True); print(sys.stdin.read()); sys.stdin = None; print('x' * 100_000)"
    with start([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert isinstance(process, forkserver.Fork)
        assert process.stdout.readline() == "ready\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        assert process.communicate("told") == ("told\n" + "x" * 100_000 + "\n", None)
    assert (process.poll(), process.wait(seconds(10)), process.returncode) == (0, 0, 0)
    process.kill()  # which does no harm to others


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_fork_is_ended_by_a_signal(number: signal.Signals) -> None:
    process = start([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    assert process.stdout.readline()
    process.send_signal(number)
    assert process.communicate() == ("", None)
    assert process.returncode == -number


def test_forks_end_with_the_tests_that_are_killed() -> None:
    """A fork ends as it was asked to, and so does its server."""
    forked = "import signal, sys, time; print('waits', flush=True)\ntry: time.sleep(60)\nfinally: print('ends')"
    tests = f"""
import sys, time
from tests.support import forkserver, processes
forkserver.allow()
fork = processes.start([sys.executable, "-c", {forked!r}], end=2)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", tests], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waits\n"
        process.kill()
        assert process.stdout.read() == "ends\n"  # and whoever could write more has ended


@pytest.mark.parametrize(
    ("command", "env"),
    [
        (["/usr/bin/python3", "-c", ""], None),
        ([sys.executable, "-X", "dev", "-c", ""], None),
        ([sys.executable, "-W", "error", "-m", "django"], None),
        (["daphne", "tests.asgi:application"], None),
        ([sys.executable, "-c", ""], {"PYTHONASYNCIODEBUG": "1"}),
        ([sys.executable, "-c", ""], {"LC_ALL": "tr_TR.UTF-8"}),
    ],
)
def test_what_needs_an_interpreter_of_its_own_is_not_forked(command: list[str], env: dict[str, str] | None) -> None:
    assert not forkserver.can_fork(command, None if env is None else {**os.environ, **env})
