"""The services that the tests talk to: those that run here, or throw-away ones.

Each has its address in a variable of the environment, REALTIME_TEST_POSTGRESQL_URL, REALTIME_TEST_MYSQL_URL and
REALTIME_TEST_REDIS_URL. Where it is not set, the standard address on this machine is tried, and then a private
server is started, which ends with the tests. REALTIME_TEST_SERVICES=private leaves the standard addresses alone.
"""

import atexit
import getpass
import os
import sys

from tests.support.addresses import answers
from tests.support.servers import KINDS, Server

NAMES = tuple(KINDS)


class Missing(Exception):
    """A service that neither runs here nor can be started."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"The tests need {self.name}, but nothing answers at {' or '.join(standard(self.name))}, and its server "
            f"is not installed. Start it, or install it, or put its address into {variable(self.name)}."
        )


def variable(name: str) -> str:
    return f"REALTIME_TEST_{name.upper()}_URL"


def standard(name: str) -> list[str]:
    """The addresses where a developer's machine usually has the service."""
    return {
        "postgresql": [
            f"postgresql://{user}@127.0.0.1:5432/postgres" for user in dict.fromkeys([getpass.getuser(), "postgres"])
        ],
        "mysql": ["mysql://root@127.0.0.1:3306"],
        "redis": ["redis://127.0.0.1:6379/0"],
    }[name]


def url(name: str) -> str:
    """The address of the service; started here where it does not run yet, for child processes too."""
    if variable(name) not in os.environ:
        os.environ[variable(name)] = running(name) or start(name).url
    return os.environ[variable(name)]


def running(name: str) -> str | None:
    """The address at which the service runs already."""
    if os.environ.get("REALTIME_TEST_SERVICES") == "private":
        return None
    return next((address for address in standard(name) if answers(address)), None)


def start(name: str) -> Server:
    """A throw-away server of one's own, started; for tests that kill it too."""
    kind = KINDS[name]
    if kind.programs() is None:
        raise Missing(name)
    server = kind()
    atexit.register(server.remove)
    server.start()
    return server


def available(name: str) -> bool:
    """Whether `url` would find the service, or could start it."""
    return variable(name) in os.environ or bool(running(name)) or KINDS[name].programs() is not None


if __name__ == "__main__":
    # For scripts: which of the named services (all, when none is named) are there.
    for wanted in sys.argv[1:] or NAMES:
        print(f"{wanted}: {'available' if available(wanted) else Missing(wanted)}")
    sys.exit(not all(available(wanted) for wanted in sys.argv[1:] or NAMES))
