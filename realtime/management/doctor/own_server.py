"""A daphne server that the doctor starts, with the project's settings, on a free local port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from realtime.management.doctor.findings import Broken

START_SECONDS = 60.0
LOOK_SECONDS = 0.1
STOP_SECONDS = 15.0
LAST_LINES = 12


@contextmanager
def own_server() -> Iterator[str]:
    """Run the server, and yield its URL. Raise `Broken` with the end of its log if it does not start."""
    port = _free_port()
    module, _, name = settings.ASGI_APPLICATION.rpartition(".")
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), f"{module}:{name}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, with names from the project's settings
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def own_headers() -> dict[str, str]:
    """Return the headers that a proxy would add: an allowed host, and the sign of a secure request."""
    hosts = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    headers = {"Host": hosts[0]} if hosts else {}
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        headers[name.removeprefix("HTTP_").replace("_", "-").title()] = value
    return headers


def _wait(process: subprocess.Popen[bytes], port: int, log: object) -> None:
    ends = time.monotonic() + START_SECONDS
    while not _accepts(port):
        if process.poll() is not None or time.monotonic() > ends:
            log.seek(0)  # type: ignore[attr-defined]
            lines = log.read().decode(errors="replace").strip().splitlines()  # type: ignore[attr-defined]
            raise Broken(" / ".join(line.strip() for line in lines[-LAST_LINES:]) or "it logged nothing")
        time.sleep(LOOK_SECONDS)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
