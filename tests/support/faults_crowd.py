"""A crowd: people who come, reload, leave and crash, and what those who look on have seen of it."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.faults_clients import Clients, LiveClient
from tests.support.faults_site import SiteServer
from tests.support.faults_worker import Worker
from tests.support.replica import Replica

AT_ONCE = 25  # people who come together: a server whose driver is slow is not to be drowned by handshakes

SESSIONS = """
from datetime import timedelta
from django.contrib.sessions.models import Session
from django.utils import timezone
from tests.support.logins import session_data

def enroll(number):
    User.objects.bulk_create([User(username=f"p{each}") for each in range(number)])
    people = list(User.objects.order_by("pk"))
    Session.objects.bulk_create([
        Session(
            session_key=f"session-{user.pk}",
            session_data=Session.objects.encode(session_data(user)),
            expire_date=timezone.now() + timedelta(days=1),
        )
        for user in people
    ])
    return [user.pk for user in people]
"""


@dataclass
class Person:
    """One of the crowd, with one page. `cuts` are the times at which their connection was lost."""

    user: int
    client: LiveClient
    server: SiteServer
    here: bool = True
    back: float = 0.0  # when a reload ends
    cuts: list[float] = field(default_factory=list)
    killed: bool = False  # by the last cut, their server died

    def accepted(self) -> list[float]:
        """When the server took them in."""
        return [at for at, message in list(self.client.messages) if message["type"] == "subscribed"]

    def stays(self, grace: float) -> list[tuple[float, float | None]]:
        """From when to when they were there; None: until now. A gap within the grace is none."""
        found: list[tuple[float, float | None]] = []
        for start in self.accepted():
            end = next((cut for cut in self.cuts if cut > start), None)
            if found and found[-1][1] is not None and start - found[-1][1] < grace:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found


class Crowd:
    """People at a place, over several servers; a `watcher` on the first one only looks on."""

    def __init__(
        self, clients: Clients, worker: Worker, servers: Sequence[SiteServer], place: dict[str, Any], *, number: int
    ) -> None:
        self.clients = clients
        self.place = place
        self.servers = list(servers)
        self.killed_at = 0.0  # when a server was
        self.chance = random.Random(1)
        worker.run(SESSIONS)
        self.watcher = self._visit(servers[0])
        self.people = []
        for user in worker.ask(f"enroll({number})"):
            server = self.chance.choice(self.servers)
            client = self._visit(server, session=f"session-{user}")
            client.be_present(1, {})
            self.people.append(Person(user, client, server))
            if len(self.people) % AT_ONCE == 0:
                clients.wait_until_live(timeout=60)

    def _visit(self, server: SiteServer, *, session: str = "") -> LiveClient:
        client = self.clients(server.url, session=session)
        client.subscribe("faults.box:presence:all", self.place)
        return client

    def churn(self, duration: float, *, grace: float, pause: float) -> None:
        """For so many seconds, someone leaves, comes, or reloads at each step."""
        end = time.monotonic() + duration
        while time.monotonic() < end:
            self._step(self.chance.choice(self.people), grace)
            self.come_back(time.monotonic())
            time.sleep(pause)

    def _step(self, person: Person, grace: float) -> None:
        if person.back or (person.killed and not person.here):  # whoever crashed with a server stays away
            return
        if not person.here:
            self._return(person)
        elif person.client.live:
            self._cut(person)
            if self.chance.random() < 0.6:  # a reload
                person.back = time.monotonic() + self.chance.uniform(0, 0.4 * grace)

    def come_back(self, now: float) -> None:
        """Those whose reload is over."""
        for person in self.people:
            if person.back and now >= person.back:
                self._return(person)

    def _cut(self, person: Person) -> None:
        person.cuts.append(time.monotonic())
        person.here = False
        person.client.cut()

    def _return(self, person: Person) -> None:
        person.server = self.chance.choice(self.servers)
        person.client.url = person.server.url
        person.here, person.back, person.killed = True, 0.0, False
        person.client.come_back()

    def lose_server(self, server: SiteServer) -> None:
        """Kill a server; of its people, half go elsewhere at once and half have crashed with it."""
        self.servers.remove(server)
        at = self.killed_at = time.monotonic()
        server.kill()
        for person in self.people:
            if person.server is server and (person.here or (person.cuts and at - person.cuts[-1] < 60)):
                person.killed = True
                if person.here:
                    person.cuts.append(at)
                    if self.chance.random() < 0.5:
                        person.server = self.servers[0]
                        person.client.url = person.server.url
                    else:
                        person.here = False
                        person.client.cut()

    def expected(self) -> set[int]:
        return {person.user for person in self.people if person.here}

    def seen(self) -> set[int]:
        return {row["user"] for _, row in self.watcher.protocol.subscriptions[1].replica.ordered}

    def history(self) -> list[tuple[float, dict[int, str]]]:
        """What the watcher had after each frame: people, with the key of their row."""
        replica, found = Replica(), []
        for at, message in list(self.watcher.messages):
            if message["type"] == "frame":
                for delta in message["deltas"]:
                    replica.apply(delta)
                found.append((at, {row["user"]: key for key, row in replica.ordered}))
        return found
