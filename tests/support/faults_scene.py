"""A scene: a site with a box of items, clients that look at it, and the question whether they see what is there."""

import json
from typing import Any

from tests.support.faults_clients import Clients, LiveClient
from tests.support.faults_site import Site
from tests.support.faults_worker import Worker
from tests.support.waiting import wait_until

ORDER = json.dumps({"order": ["number", "title"]})


class Scene:
    """`worker` is a process that writes and reads, `box` the key of the box that `faults.box` shows."""

    def __init__(self, site: Site, clients: Clients, *, items: int = 20) -> None:
        self.site = site
        self.clients = clients
        self.worker = self.writer()
        self.worker.run("box = Box.objects.create(title='box')")
        self.box: int = self.worker.ask("box.pk")
        self.worker.run(f"for number in range({items}): Item.objects.create(box=box, title='item', number=number)")

    def writer(self, **options: Any) -> Worker:
        """One more process that writes; `add(n)` there makes items, `change()` touches one."""
        worker = self.site.worker(**options)
        worker.run(
            "def add(number, title='more'):\n"
            "    for step in range(number): Item.objects.create(box=Box.objects.get(), title=title, number=step)\n"
            "def change(title):\n"
            "    item = Item.objects.order_by('pk').first(); item.title = title; item.save()\n"
        )
        return worker

    def watch(self, url: str, *, number: int = 1, session: str = "") -> list[LiveClient]:
        """Clients that have the box."""
        watching = self.clients.many(number, url, session=session)
        for client in watching:
            client.subscribe("faults.box", {"box": self.box})
        return watching

    def expected(self) -> list[Any]:
        rows: list[Any] = self.worker.ask(f"expected.rows(Wanted('oracle.box', {ORDER!r}, {self.box}, None, 'data'))")
        return rows

    def wait_until_equal(self, *, timeout: float = 30) -> None:
        """Wait until every client has exactly what the database has."""
        expected = self.expected()

        def equal() -> bool:
            return all(client.live and client.rows() == expected for client in self.clients.all)

        wait_until(equal, what="every client to equal the database", timeout=timeout)
