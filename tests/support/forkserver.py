"""Starts Python processes as forks of one that has imported what most of them import.

The tests start hundreds of processes, and importing Django, Channels and a server's packages takes three quarters of
the processor time of a start. A fork runs a module, a script or code as `__main__`, as `python -m …`, `python …` and
`python -c …` do, with the environment, folder and files that it is given. It ends with the tests, also when these are
killed. What is imported beforehand depends on no setting and on no variable of the environment: of Django no models,
of Twisted no reactor, and none of the packages that realtime looks for in `sys.modules` (as uvicorn).

A fork differs from a process that is really started: all forks have the same hash seed, other programs see the fork
server's command line, and `can_fork` says which commands need an interpreter of their own. These are always really
started: each server of the docs in `tests/servers`, a daphne that is killed in `tests/faults/test_servers.py` and one
that is told to stop in `test_drain.py`, `manage.py demo` in `tests/demo/test_command.py`, the workers of
`tests/faults/test_task_queues.py`, the start whose imports `tests/capture/test_projects.py` looks at, all in
`tests/packaging` and `tests/management`; and everything if REALTIME_TEST_FORKS is 0.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import os
import pickle
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

PRELOADED = [
    "concurrent.futures.thread", "ctypes", "email.mime.text", "encodings.idna", "http.cookiejar", "logging.handlers",
    "sqlite3", "statistics",
    "autobahn.twisted.websocket", "twisted.internet.asyncioreactor", "twisted.internet.endpoints",
    "twisted.internet.ssl", "twisted.internet.stdio", "twisted.plugin", "twisted.protocols.tls", "twisted.web._http2",
    "twisted.web.http",
    "channels.generic.websocket", "channels.layers", "channels.routing", "channels.sessions", "channels_redis.core",
    "redis.asyncio",
    "django.conf.urls.i18n", "django.contrib.admin.apps", "django.contrib.admin.options",
    "django.contrib.admin.views.main", "django.contrib.auth.apps", "django.contrib.auth.hashers",
    "django.contrib.auth.password_validation", "django.contrib.auth.tokens", "django.contrib.contenttypes.apps",
    "django.contrib.humanize.templatetags.humanize", "django.contrib.messages.apps",
    "django.contrib.messages.middleware", "django.contrib.sessions.backends.db", "django.contrib.sessions.middleware",
    "django.contrib.staticfiles.apps", "django.contrib.staticfiles.handlers", "django.contrib.staticfiles.storage",
    "django.core.asgi", "django.core.management.commands.migrate", "django.core.management.commands.runserver",
    "django.core.management.commands.shell", "django.core.serializers.json", "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base", "django.db.migrations.executor", "django.middleware.clickjacking",
    "django.middleware.common", "django.middleware.csrf", "django.middleware.locale", "django.middleware.security",
    "django.template.backends.django", "django.template.context_processors", "django.template.defaulttags",
    "django.template.loader_tags", "django.views.debug", "django.views.decorators.http", "django.views.i18n",
    "click", "h11", "msgspec.json", "psycopg", "pymysql", "websockets.asyncio.server",
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_")  # prefixes of what counts when Python starts
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # see prctl(2)
FILES = 4  # descriptors that come with a request: stdin, stdout, stderr, and where pid and exit code go
_allowed = False
NUMBER = struct.Struct("q")


class Request(NamedTuple):
    """What a fork is to run."""

    command: Sequence[str]  # as after "python"
    env: dict[str, str]
    cwd: str
    end: int  # the signal that it gets when the fork server ends


class Fork:
    """A forked process, with the methods of `subprocess.Popen` that tests use; pipes are of text."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.args = command
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        request = Request(command[1:], dict(os.environ if env is None else env), str(cwd or Path.cwd()), int(end))
        with contextlib.ExitStack() as theirs:
            if stdin == subprocess.PIPE:
                stdin, write = os.pipe()
                theirs.callback(os.close, stdin)
                self.stdin = os.fdopen(write, "w")
            if stdout == subprocess.PIPE:
                read, stdout = os.pipe()
                theirs.callback(os.close, stdout)
                self.stdout = os.fdopen(read)
            files = [_descriptor(stdin, 0, theirs), _descriptor(stdout, 1, theirs)]
            files.append(files[1] if stderr == subprocess.STDOUT else _descriptor(stderr, 2, theirs))
            self._news, news = os.pipe()
            theirs.callback(os.close, news)
            _server().send(request, [*files, news])
        self.pid = self._read()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._news, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
            self.returncode = self._read()
            os.close(self._news)
        return self.returncode

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str | None, None]:
        """Write, close, read and wait. Deadlocks if the process says much before it has read all."""
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                self.stdin.write(input or "")
        said = None
        if self.stdout is not None:
            with self.stdout:
                said = self.stdout.read()
        self.wait(timeout)
        return said, None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *error: object) -> None:
        for stream in (self.stdout, self.stdin):
            if stream is not None:
                stream.close()
        self.wait()

    def _read(self) -> int:
        number = os.read(self._news, NUMBER.size)
        assert number, "The fork server has ended."
        [found] = NUMBER.unpack(number)
        return int(found)


def _descriptor(file: int | IO[Any] | None, inherited: int, theirs: contextlib.ExitStack) -> int:
    if file == subprocess.DEVNULL:
        file = os.open(os.devnull, os.O_RDWR)
        theirs.callback(os.close, file)
    if file is None:
        return inherited
    return file if isinstance(file, int) else file.fileno()


def allow() -> None:
    """Have Python processes forked from now on, as the tests want it. Benchmarks start them for real."""
    global _allowed
    _allowed = os.environ.get("REALTIME_TEST_FORKS") != "0"


def can_fork(command: Sequence[str], env: Mapping[str, str] | None) -> bool:
    """Return whether a command needs no interpreter of its own: it is this Python without options, and not set up by
    variables other than those of this process."""
    if not _allowed or sys.platform != "linux" or command[0] != sys.executable:
        return False
    is_plain = command[1] in ("-m", "-c") or command[1].endswith(".py")
    return is_plain and (env is None or _at_start(env) == _at_start(os.environ) == _server().at_start)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if k.startswith(ENVIRONMENT_AT_START) and k != "PYTHONPATH"}


class ForkServer:
    """The process that is forked, as the tests see it."""

    def __init__(self) -> None:
        self.at_start = _at_start(os.environ)
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with theirs:
            # Its stdin and stdout become those of a fork, which may be pipes: so they must not be seekable.
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forkserver"], stdin=theirs, stdout=theirs, cwd=ROOT, env=env
            )

    def send(self, request: Request, files: Sequence[int]) -> None:
        message = pickle.dumps(request)
        with self._lock:
            socket.send_fds(self._channel, [NUMBER.pack(len(message))], files)
            self._channel.sendall(message)

    def close(self) -> None:
        self._channel.close()
        self._popen.wait()


@functools.cache
def _server() -> ForkServer:
    server = ForkServer()
    atexit.register(server.close)
    return server


def serve(channel: socket.socket) -> Request | None:
    """Fork at each request. Return the request in the fork, and None in the server at the end of the tests."""
    server = os.getpid()
    children: dict[int, int] = {}  # where the exit code of each is written
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to all processes of the tests
    while True:
        ready, _, _ = select.select([channel, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _report(children)
        if channel not in ready:
            continue
        header, files, _, _ = socket.recv_fds(channel, NUMBER.size, FILES)
        if not header:
            return None
        [size] = NUMBER.unpack(header)
        request: Request = pickle.loads(channel.recv(size, socket.MSG_WAITALL))
        if not (pid := os.fork()):
            channel.close()
            _become(request, files, server)
            return request
        *given, news = files
        for file in given:
            os.close(file)
        children[pid] = news
        _tell(news, pid)


def _report(children: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            news = children.pop(ended[0])
            _tell(news, os.waitstatus_to_exitcode(ended[1]))
            os.close(news)


def _tell(news: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it
        os.write(news, NUMBER.pack(number))


def _become(request: Request, files: Sequence[int], server: int) -> None:
    """Make the fork what a new process would be."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, request.end)
    libc.prctl(PR_SET_NAME, " ".join(request.command).removeprefix("-m ").encode())  # what `top` shows
    if os.getppid() != server:
        os._exit(1)
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    importlib.invalidate_caches()
    sys.path[:0] = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def run(command: Sequence[str]) -> None:
    """Run a command as Python would that is given these arguments."""
    kind, *arguments = command
    if kind == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *arguments[1:]]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), main.__dict__)
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(kind)))
        sys.argv = list(command)
        runpy.run_path(kind, run_name="__main__")


def main() -> None:
    channel = socket.socket(fileno=os.dup(0))
    sys.path.pop(0)  # this folder, in which no fork looks that is not given it
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # which the lowest versions, or other environments, do without
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    if request := serve(channel):
        del sys.modules["tests.support"], sys.modules["tests"]  # of which a fork may have others
        run(request.command)


if __name__ == "__main__":
    main()
