"""A process under test: started, killed, started again, its output kept."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
    ) -> None:
        self.command = command
        self.log = log  # stdout and stderr of all runs
        self.ready = ready  # whether the process does its work
        self.env = env
        self.cwd = cwd
        self.end = end  # the signal that makes the process end in good order
        self.user = user  # another system user to run as; "" for this one
        self._popen: subprocess.Popen[bytes] | None = None

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
            self._popen = subprocess.Popen(
                tied(self.command, end=self.end, user=self.user),
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
