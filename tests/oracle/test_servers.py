"""The oracle over real servers: clients of each transport, writers in processes of their own, all at the same time.

    REALTIME_ORACLE=200x50x10x10 pytest tests/oracle/test_servers.py

tries 200 live queries and 50 batches of 10 transactions with 10 writes each. After each batch every client has to
equal fresh QuerySets. REALTIME_ORACLE_SEED repeats a run; the seed is printed. What fails here is found smaller by
`test_ticks.py`, which shrinks it.
"""

import json
import os
import random

import pytest

from tests.oracle import bounds, expected, strategies
from tests.oracle.expected import Wanted
from tests.settings import BACKEND
from tests.support.faults_clients import LiveClient
from tests.support.faults_transports import EventStreamClient, LongPollClient, PythonClient
from tests.support.waiting import wait_until

QUERIES, BATCHES, TRANSACTIONS, WRITES = map(int, os.environ.get("REALTIME_ORACLE", "24x3x6x4").split("x"))
SEED = int(os.environ.get("REALTIME_ORACLE_SEED") or random.SystemRandom().randrange(2**32))
SERVERS = 2
WRITERS = 3
CLIENTS = (  # with their versions of the protocol; each is of one of two servers, and of one of three users
    (LiveClient, 1),
    (LiveClient, 2),
    (EventStreamClient, 2),
    (LongPollClient, 2),
    (EventStreamClient, 1),
    (PythonClient, 2),
    (LiveClient, 2),
    (LongPollClient, 1),
)
ALL_ITEMS = ("oracle.items", "{}", "data", 0)  # which client 1 opens in parts, if the bounds are low
AWAY = 0.25  # part of the clients that is cut off during a batch
LOW_BOUNDS = 0.5  # chance that all lists are opened in parts, and all texts edited
PAGES = 0.5  # chance that a process which is no server has rendered the rows, at an earlier cursor
KILLED = 0.3  # part of the batches during which a server is killed, and started again

pytestmark = [pytest.mark.databases, pytest.mark.timeout(3600)]

LOGIN = """
from django.test import Client
from django.core.exceptions import ObjectDoesNotExist
from realtime.changelog import get_changelog
from realtime.streams.registry import registry
from tests.oracle.models import *
def page(want):
    cursor = get_changelog('default').head()
    fingerprint = registry.get(want.stream)(want.params, want.user).format_fingerprint(want.format)
    while True:
        try:
            return {'cursor': cursor, 'fingerprint': fingerprint, 'rows': expected.rows(want)}
        except ObjectDoesNotExist:  # deleted between two statements, as a view may find it
            pass
def login(name):
    user, _ = User.objects.get_or_create(username=name)
    client = Client()
    client.force_login(user)
    return [user.pk, client.cookies['sessionid'].value]
for number in range(3):
    for name in ('save_region', 'create_person', 'create_box', 'save_tag', 'create_items', 'tag_item'):
        writes.perform(name, number, 3 * number)
for number in range(9):
    writes.perform('create_items', number, number)
"""


def test_every_client_equals_fresh_querysets_after_each_batch(make_site, clients, capsys):
    with capsys.disabled():
        print(f"\noracle on {BACKEND}: {QUERIES}x{BATCHES}x{TRANSACTIONS}x{WRITES}, REALTIME_ORACLE_SEED={SEED}")
    chance = random.Random(SEED)
    queries = strategies.draw(strategies.queries(), QUERIES, SEED)
    queries[1] = ALL_ITEMS
    transactions = strategies.draw(strategies.transactions(size=WRITES), TRANSACTIONS * BATCHES, SEED)
    low = chance.random() < LOW_BOUNDS
    site = make_site(FAULTS_LOW_BOUNDS=low, REALTIME_LIMITS=bounds.LIMITS if low else {})
    reader, *writers = [site.worker() for _ in range(WRITERS + 1)]  # which start while the servers do
    servers = [site.serve() for _ in range(SERVERS)]
    reader.run(LOGIN)
    users = [reader.ask(f"login({name!r})") for name in ("ada", "ben", "cleo")]
    boxes = reader.ask("list(Box.objects.values_list('pk', flat=True))")

    watched: list[tuple[int, int, Wanted]] = []  # client, subscription, live query
    for number, (kind, version) in enumerate(CLIENTS):
        session = users[number % len(users)][1]
        clients.of(kind, servers[number % SERVERS].url, session=session, version=version)
    waiting = list(enumerate(queries))

    def subscribe(count: int) -> None:
        for number, (stream, spec, format, box) in waiting[:count]:
            client = number % len(CLIENTS)
            user = users[client % len(users)][0] if stream in expected.PERSONAL else None
            want = Wanted(stream, spec, boxes[box % len(boxes)] if stream in expected.OF_BOX else None, user, format)
            page = {}
            if chance.random() < PAGES and format in ("data", "html") and CLIENTS[client][0] is not PythonClient:
                page = reader.ask(f"page(Wanted(*{list(want)!r}))")
            id = clients.all[client].subscribe(stream, want.params, format=format, **page)
            watched.append((client, id, want))
        del waiting[:count]

    subscribe(QUERIES // 2)
    for batch in range(BATCHES):
        part = transactions[batch * TRANSACTIONS : (batch + 1) * TRANSACTIONS]
        away = [client for client in clients.all if chance.random() < AWAY]
        for client in away:
            client.cut()
        for number, writer in enumerate(writers):
            writer.send(f"writes.perform_all({part[number::WRITERS]!r})")
        subscribe(len(waiting) if batch == BATCHES - 1 else QUERIES // 2 // BATCHES)  # opened while rows change
        if chance.random() < KILLED:
            server = chance.choice(servers)
            server.kill()
            server.start()
        for client in away:
            client.url = chance.choice(servers).url
            client.come_back()
        for writer in writers:
            writer.answer()
        compare(clients, reader, watched, batch)
    assert any(message["type"] == "part" for _, message in clients.all[1].messages) is low
    for server in servers:
        assert not (trouble := server.trouble()), trouble


def compare(clients, reader, watched, batch: int) -> None:
    """Wait until all clients equal the database; say which does not, and where."""
    wants = [list(want) for _, _, want in watched]
    answer = json.dumps(reader.ask(f"[expected.rows(Wanted(*want)) for want in {wants!r}]"))
    found = json.loads(answer)

    def differing() -> list[str]:
        wrong = []
        for (client, id, want), rows in zip(watched, found, strict=True):
            clients.all[client].raise_error()
            difference = expected.differences(clients.all[client].rows(id), rows)
            if difference:
                kind, version = CLIENTS[client]
                wrong.append(f"{want}, client {client}, a {kind.__name__} of version {version}:\n{difference}")
        return wrong

    try:
        wait_until(lambda: not differing(), what="the clients", timeout=40)
    except AssertionError:
        wrong = differing()
        if wrong:
            text = "\n".join(wrong[:5])
            pytest.fail(f"After batch {batch} {len(wrong)} live queries differ. REALTIME_ORACLE_SEED={SEED}\n{text}")
