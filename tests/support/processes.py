"""A process under test: started, killed, started again, its output kept."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.forkserver import Fork, can_fork
from tests.support.waiting import seconds, wait_until

PORTS = (20_000, 32_000)  # below those of outgoing connections, on Linux and elsewhere

# Ports given out in this process, so that two servers that start later do not get the same one.
_ports: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on; none that the system would give to an outgoing connection meanwhile."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        if port in _ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports.add(port)
        return port


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(seconds(1))
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serves(port: int) -> bool:
    """Whether a web server answers on the port. One that only listens may not have its signal handlers yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds(10)) as probe:
            probe.sendall(b"OPTIONS * HTTP/1.0\r\n\r\n")
            return probe.recv(1) == b"H"
    except OSError:
        return False


def tied(command: Sequence[str], *, end: signal.Signals = signal.SIGTERM, user: str = "") -> list[str]:
    """The command, made to end with this process, and run as another system user where one is named."""
    script = Path(__file__).with_name("tied.py")
    return [sys.executable, "-I", "-S", str(script), str(os.getpid()), str(int(end)), user, *command]


def start(
    command: Sequence[str],
    *,
    end: signal.Signals = signal.SIGTERM,
    user: str = "",
    fresh: bool = False,
    **options: Any,
) -> subprocess.Popen[str] | Fork:
    """Start a command that ends with this process: as a fork where it is Python, unless `fresh` asks for a real start.

    `options` are those of `subprocess.Popen`; pipes are of text.
    """
    if not fresh and not user and can_fork(command, options.get("env")):
        return Fork(command, end=end, **options)
    return subprocess.Popen(tied(command, end=end, user=user), text=True, **options)


def run(
    command: Sequence[str], *, timeout: float = 60, fresh: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `start` does, and return its exit code and what it printed."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        files = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": stderr}
        process = start(command, fresh=fresh, **files, **options)
        try:
            process.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, stdout.read(), stderr.read())


class Process:
    """A command that is run at most once at a time."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        end: signal.Signals = signal.SIGTERM,
        user: str = "",
        fresh: bool = False,
    ) -> None:
        self.command = command
        self.log = log  # stdout and stderr of all runs
        self.ready = ready  # whether the process does its work
        self.env = env
        self.cwd = cwd
        self.end = end  # the signal that makes the process end in good order
        self.user = user  # another system user to run as; "" for this one
        self.fresh = fresh  # whether a Python is really started, not forked
        self._popen: subprocess.Popen[str] | Fork | None = None

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        assert self._popen is not None, "The process has not been started."
        return self._popen.pid

    def start(self) -> None:
        assert not self.running, f"{self.command[0]} runs already."
        with self.log.open("ab") as log:
            self._popen = start(
                self.command,
                end=self.end,
                user=self.user,
                fresh=self.fresh,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.cwd,
            )
        wait_until(lambda: self.ready() or not self.running, what=f"{self.command[0]} to start", timeout=60)
        if not self.running:
            raise AssertionError(f"{' '.join(self.command)} ended at once:\n{self.output()}")

    def stop(self) -> None:
        """End the process in good order."""
        self._end(self.end)

    def terminate(self) -> None:
        """End the process as process managers do (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _end(self, number: signal.Signals) -> None:
        if self._popen is None:
            return
        self._popen.send_signal(number)
        try:
            self._popen.wait(seconds(20))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            raise AssertionError(f"{self.command[0]} did not end:\n{self.output()[-2000:]}") from None
        finally:
            self._popen = None
