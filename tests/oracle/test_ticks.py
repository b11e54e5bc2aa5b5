"""Random histories in this process: every frame equals the QuerySets of its tick, and at rest all equal the database.

REALTIME_ORACLE_EXAMPLES says how many histories are tried. A failure is shrunk, and printed with what reproduces it.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from realtime.changelog import get_changelog
from realtime.models import Change, Log
from tests.oracle import bounds, expected, strategies, writes
from tests.oracle.expected import Wanted
from tests.oracle.models import Box, Item, Person, Region, Tag
from tests.oracle.world import Client, World
from tests.support.limits import limit

EXAMPLES = int(os.environ.get("REALTIME_ORACLE_EXAMPLES", "8"))
SIZE = int(os.environ.get("REALTIME_ORACLE_SIZE", "30"))  # steps of a history
PEOPLE = ("ada", "ben")
PARENT_AND_CHILDREN = '{"where":["not",["or",["F","number__gte","parent__number"],["children__done",true]]]}'

pytestmark = [
    pytest.mark.databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900 + 10 * EXAMPLES),  # a marker is stronger than --timeout
]


@pytest.fixture
def world(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for module, name, value in bounds.lower_bounds():
        monkeypatch.setattr(module, name, value)
    limit(settings, **bounds.LIMITS)
    settings.REALTIME_THREADS = 1
    settings.REALTIME_QUERY_SECONDS = 600  # rows are judged here, and not how busy the machine is
    world = World()
    yield world
    world.close()


def start_afresh(world: World) -> None:
    world.clear()
    with transaction.atomic():  # a commit of each statement would take as long as the history
        _fill_tables()
    get_changelog("default").head()
    for number, name in enumerate([*PEOPLE, *PEOPLE]):
        world.client(get_user_model().objects.get(username=name).pk, version=1 if number == 0 else 2)


def _fill_tables() -> None:
    Item._base_manager.update(parent=None)  # which MySQL checks at once
    links = (Item.tags.through, Item.readers.through, Box.readers.through)
    for model in (*links, Item, Box, Person, Region, Tag, Change, Log):
        rows: Any = model._base_manager.all()
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(rows.model._meta.db_table)}")
    for name in PEOPLE:
        get_user_model().objects.get_or_create(username=name)
    for number in range(3):
        for name in ("save_region", "create_person", "create_box", "save_tag", "create_items", "tag_item"):
            writes.perform(name, number, 3 * number)
        writes.perform("add_reader", number, number)


def want_of(client: Client, query: tuple[str, str, str, int]) -> Wanted:
    stream, spec, format, number = query
    boxes = list(Box.objects.order_by("pk").values_list("pk", flat=True))
    box = boxes[number % len(boxes)] if boxes else 0
    user = client.user_pk if stream in expected.PERSONAL else None
    return Wanted(stream, spec, box if stream in expected.OF_BOX else None, user, format)


def take(world: World, step: tuple[Any, ...]) -> None:
    """One step of a history."""
    match step:
        case ["nothing"]:
            pass
        case ["write", number, [name, a, b]]:
            world.writer(number).write(name, a, b)
        case ["change", [name, a, b]]:
            world.writer(0).write(name, a, b)
            for number in range(len(world.hubs)):
                world.tick(number)
        case ["failing change", [name, a, b], where]:
            world.writer(0).write(name, a, b)
            for number in range(len(world.hubs)):
                world.tick(number, fail=where)
        case ["change read twice", [name, a, b], [next_name, c, d]]:
            world.writer(0).write(name, a, b)
            for number in range(len(world.hubs)):
                world.tick(number, between=lambda: world.writer(0).write(next_name, c, d))
        case ["begin", number]:
            world.writer(number).begin()
        case ["commit" | "roll back" as verb, number]:
            world.writer(number).end(keep=verb == "commit")
        case ["tick", number]:
            world.tick(number)
        case ["failing tick", number, where]:
            world.tick(number, fail=where)
        case ["tick meanwhile", number, inner]:
            world.tick(number, meanwhile=lambda: take_meanwhile(world, inner))
        case ["tick around", number, [verb, *rest]]:
            world.tick(number, inside=lambda: take_inside(world, verb, rest))
        case ["prune"]:
            world.prune()
        case [verb, number, *rest]:
            take_as_client(world, world.clients[number % len(world.clients)], verb, rest)


def take_as_client(world: World, client: Client, verb: str, rest: list[Any]) -> None:
    match verb:
        case "join":
            client.subscribe(want_of(client, rest[0]))
        case "join again" if client.wants:
            client.subscribe(client.wants[sorted(client.wants)[rest[0] % len(client.wants)]])
        case "open page":
            # position first, then data, with a write between them
            want, cursor = want_of(client, rest[0]), get_changelog("default").head()
            if not any(writer.writing for writer in world.writers):
                world.writer(0).write(*rest[1])
            client.subscribe(want, cursor=cursor, rows=expected.rows(want))
        case "leave":
            client.unsubscribe(rest[0])
        case "cut":
            client.cut()
        case "come back":
            client.connect(world.hubs[rest[0]])
        case "reconnect":
            client.cut()
            client.connect(world.hubs[rest[0]])
        case "stop reading" | "read on":
            client.reading = verb == "read on"
        case "stop acknowledging":
            client.protocol.holding_acks = True
        case "acknowledge":
            client.protocol.holding_acks = False
            client.acknowledge()
        case "heartbeat":
            client.heartbeat()
    if not world.loop.is_running():
        world.pump()


def take_inside(world: World, verb: str, rest: list[Any]) -> None:
    """What others can commit between two statements of a tick."""
    match verb, rest:
        case "write", [number, [name, a, b]]:
            world.writer(number).write(name, a, b)
        case "commit", [number]:
            world.writer(number).end_all(keep=True)


def take_meanwhile(world: World, step: tuple[Any, ...]) -> None:
    """What can happen inside the event loop while a tick is in its thread."""
    match step:
        case ["leave" | "stop reading" | "read on" | "stop acknowledging" | "acknowledge" | "heartbeat", *_]:
            take(world, step)
        case ["write", number, [name, a, b]] if connection.vendor != "sqlite":
            world.writer(number).write(name, a, b)


random_histories = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@example(  # whose condition Django answers otherwise after a join
    queries=[("oracle.readers", PARENT_AND_CHILDREN, "data", 0)], history=[]
)
@random_histories
@given(
    queries=st.lists(strategies.queries(), min_size=1, max_size=8),
    history=strategies.steps(size=SIZE),
)
def test_every_frame_equals_the_querysets_of_its_tick(world: World, queries: Any, history: Any) -> None:
    play(world, queries, history)


def test_every_patch_leads_to_the_rows_of_its_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.queries.livequery.PART_ROWS", 1000)  # so that all are live soon, and are patched
    patches = 0

    @settings(random_histories, max_examples=-(-EXAMPLES // 2))  # each has several subscribers of the same rows
    @given(
        queries=st.lists(strategies.plain_queries(), min_size=1, max_size=2),
        history=strategies.repeated_steps(size=SIZE, writes=strategies.few_rows()),
    )
    def play_and_count(queries: Any, history: Any) -> None:
        nonlocal patches
        play(world, [query for query in queries for _ in range(2 * len(PEOPLE))], history)
        patches += sum(client.protocol.patches for client in world.clients)

    play_and_count()
    assert patches > EXAMPLES // 4


@settings(random_histories, max_examples=-(-EXAMPLES // 3))  # each has many ticks
@given(
    queries=st.lists(strategies.grouped_queries(), min_size=4, max_size=6),
    history=strategies.repeated_steps(size=SIZE, writes=strategies.single_writes()),
)
def test_every_frame_equals_the_groups_of_its_tick(world: World, queries: Any, history: Any) -> None:
    play(world, queries, history)


@settings(random_histories, max_examples=-(-EXAMPLES // 2))  # each has many ticks
@given(
    queries=st.lists(strategies.queries(), min_size=4, max_size=8),
    history=strategies.failing_steps(size=SIZE),
)
def test_every_frame_is_right_if_rounds_fail_after_they_sent_some(world: World, queries: Any, history: Any) -> None:
    play(world, queries, history)


def play(world: World, queries: Any, history: Any) -> None:
    start_afresh(world)
    for number, client in enumerate(world.clients):
        client.connect(world.hubs[number % len(world.hubs)])
    for number, query in enumerate(queries):
        client = world.clients[number % len(world.clients)]
        client.subscribe(want_of(client, query))
    world.pump()
    for step in history:
        take(world, step)
    world.rest()
