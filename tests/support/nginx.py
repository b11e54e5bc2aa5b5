"""An nginx in front of a server, with the configuration that the documentation gives."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

from tests.support.processes import Process, accepts, free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations" / "nginx.md"

AROUND = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{inside}
}}
"""


def program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def documented(port: int, upstream: int) -> str:
    """The page's configuration, on these ports and without TLS."""
    [block] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    block = re.sub(r"\n\s*ssl_certificate.*", "", block)
    for written, meant in [
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:8001;\n    server 127.0.0.1:8002;", f"server 127.0.0.1:{upstream};"),
    ]:
        assert block.count(written) == 1, f"The configuration in {PAGE} has no line {written!r}."
        block = block.replace(written, meant)
    return block


class Nginx(Process):
    def __init__(self, upstream: int, *, directory: Path) -> None:
        self.port = free_port()
        self._upstream = upstream
        self._directory = directory
        self._hole: socket.socket | None = None
        self._file = directory / "nginx.conf"
        self._write(documented(self.port, upstream))
        nginx = program()
        assert nginx is not None
        super().__init__(
            [nginx, "-c", str(self._file), "-p", str(directory), "-e", str(directory / "error.log")],
            log=directory / "log",
            ready=lambda: accepts(self.port),
        )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def refuse_upgrades(self) -> None:
        """Be a proxy that knows nothing of WebSockets. Before the start."""
        self._change(r"proxy_set_header (Upgrade|Connection \"upgrade\").*\n", "")

    def swallow_upgrades(self) -> None:
        """Be a proxy by which no handshake is ever answered. Before the start."""
        self._hole = socket.create_server(("127.0.0.1", 0))
        hole = self._hole.getsockname()[1]
        self._change(r"(location /realtime/ws/ \{\s*)proxy_pass .*", rf"\1proxy_pass http://127.0.0.1:{hole};")

    def stop(self) -> None:
        super().stop()
        if self._hole is not None:
            self._hole.close()

    def _change(self, pattern: str, replacement: str) -> None:
        before = documented(self.port, self._upstream)
        after = re.sub(pattern, replacement, before)
        assert after != before
        self._write(after)

    def _write(self, inside: str) -> None:
        self._file.write_text(AROUND.format(directory=self._directory, inside=inside))


if __name__ == "__main__":
    print(f"nginx: {program() or 'not found'}")
    raise SystemExit(program() is None)
