"""A PgBouncer in front of a PostgreSQL, on a free port, ended with this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.processes import accepts
from tests.support.servers import Server

FOLDERS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"

CONFIGURATION = """
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users
pool_mode = {mode}
default_pool_size = 20
ignore_startup_parameters = extra_float_digits, options
"""


class PgBouncer(Server):
    """`url` is the address of a PostgreSQL that trusts connections from this machine."""

    kind = "pgbouncer"

    def __init__(self, url: str, *, mode: str = "transaction") -> None:
        self.server = urlsplit(url)
        self.mode = mode
        super().__init__()
        self.ready = lambda: accepts(self.port)

    @classmethod
    def programs(cls) -> Path | None:
        program = shutil.which("pgbouncer", path=FOLDERS)
        return Path(program) if program else None

    @property
    def url(self) -> str:
        return f"postgresql://{self.server.username}@127.0.0.1:{self.port}/postgres"

    def system_user(self) -> str:
        # PgBouncer refuses to run as root.
        return "nobody" if os.geteuid() == 0 else ""

    def prepare(self) -> None:
        self.directory.chmod(0o755)
        (self.directory / "users").write_text(f'"{self.server.username}" "{self.server.password or ""}"\n')
        (self.directory / "pgbouncer.ini").write_text(
            CONFIGURATION.format(
                host=self.server.hostname,
                server_port=self.server.port or 5432,
                port=self.port,
                mode=self.mode,
                directory=self.directory,
            )
        )

    def start_command(self) -> Sequence[str]:
        return [str(self.programs()), str(self.directory / "pgbouncer.ini")]


if __name__ == "__main__":
    print(f"pgbouncer: {PgBouncer.programs() or 'not found'}")
    raise SystemExit(PgBouncer.programs() is None)
