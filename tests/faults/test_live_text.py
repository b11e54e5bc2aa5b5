"""Live texts whose writer is killed: each reader has an exact prefix, and the text has failed."""

import json
import os
import random

import pytest

from tests.support.waiting import wait_until

WRITE = """
import itertools, realtime
with realtime.live_text(Answer.objects.get(), "text", state_field="state", save_seconds=0.05) as out:
    for number in itertools.count():
        out.write(f"{number} ")
        time.sleep(0.01)
"""
ROUNDS = int(os.environ.get("REALTIME_TEST_LIVE_TEXTS", "4"))
SEED = int(os.environ.get("REALTIME_ORACLE_SEED") or random.SystemRandom().randrange(2**32))


@pytest.mark.parametrize("through", ["the database", "Redis"])
def test_servers_and_writers_killed_at_random_leave_an_exact_prefix_and_then_the_whole(
    make_site, clients, report, request, through
):
    chance = random.Random(SEED)
    events, layers = ["kill a server", "cut", "reload", "second page"], {}
    if through == "Redis":
        redis = request.getfixturevalue("redis")
        layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [redis.url]}}
        events, layers = [*events, "kill Redis"], {"CHANNEL_LAYERS": {"default": layer}}
    site = make_site(**layers)
    other = site.worker()
    other.run("import realtime; from tests.models import Answer, Shelf; from realtime.models import TextLease")
    servers = [site.serve() for _ in range(2)]
    whole = "".join(f"{number} " for number in range(100_000))
    for number in range(ROUNDS):
        worker = site.worker()
        worker.run("from tests.models import Answer")
        other.run("Shelf.objects.all().delete()")
        other.run("Answer.objects.create(shelf=Shelf.objects.create(name='one'))")
        shelf = other.ask("Shelf.objects.get().pk")
        watching = []

        def open_page(version: int = 2, format: str = "data", watching=watching, shelf=shelf) -> None:
            watching.append(clients(chance.choice(servers).url, version=version))
            watching[-1].subscribe("answers", {"shelf": shelf}, format=format)

        def texts(watching=watching) -> list[str]:
            found = []
            for client in watching:
                client.raise_error()
                found += [row["text"] for row in client.protocol.subscriptions[1].shown if isinstance(row, dict)]
            assert [text for text in found if not whole.startswith(text)] == [], f"REALTIME_ORACLE_SEED={SEED}"
            return found

        open_page()
        open_page(version=1)
        wait_until(lambda watching=watching: all(client.live for client in watching), what="both readers", timeout=40)
        worker.send(WRITE)
        for _ in range(6):
            reached = max((len(text) for text in texts()), default=0)
            wait_until(
                lambda reached=reached: max(map(len, texts()), default=0) > reached + 40, what="more", timeout=40
            )
            match chance.choice(events):
                case "kill a server":
                    server = chance.choice(servers)
                    server.kill()
                    server.start()
                case "cut":
                    client = chance.choice(watching)
                    client.cut()
                    client.url = chance.choice(servers).url
                    client.come_back()
                case "reload":
                    watching.pop(chance.randrange(len(watching))).cut()
                    open_page()
                case "second page":
                    open_page(version=chance.choice([1, 2, 2]))
                case "kill Redis":
                    redis.kill()
                    redis.start()
        if chance.random() < 0.5:
            other.run("realtime.stop_text(Answer.objects.get(), 'text')")
            state = "cancelled"
            worker.answer()
        else:
            worker.kill()
            state = "failed"
            other.run("TextLease.objects.update(expires=0)")
            open_page()
            servers[0].kill()  # the next server process looks for dead writers at once
            servers[0].start()
            open_page()
        wait_until(lambda state=state: other.ask("Answer.objects.get().state") == state, what=state, timeout=40)
        stored = other.ask("Answer.objects.get().text")
        assert whole.startswith(stored), f"REALTIME_ORACLE_SEED={SEED}"
        wait_until(
            lambda stored=stored, watching=watching: texts() == [stored] * len(watching),
            what=f"what is saved at each reader, in round {number} with REALTIME_ORACLE_SEED={SEED}",
            timeout=40,
        )
        worker.stop()
        for client in watching:
            client.cut()
    report(f"{ROUNDS} live texts through {through}, killed with servers and writers at random: an exact prefix")


@pytest.mark.short
def test_a_killed_worker_leaves_an_exact_prefix_at_the_clients_of_every_process(make_site, clients, report):
    site = make_site()
    worker, other = site.worker(), site.worker()
    for each in (worker, other):
        each.run("from tests.models import Answer, Shelf; from realtime.models import TextLease")
    other.run("Answer.objects.create(shelf=Shelf.objects.create(name='one'))")
    shelf = other.ask("Shelf.objects.get().pk")
    watching = [clients(site.serve().url) for _ in range(2)]
    for client in watching:
        client.subscribe("answers", {"shelf": shelf})
    clients.wait_until_live()

    def texts() -> list[str]:
        return [item["text"] for client in watching for item in client.protocol.subscriptions[1].shown]

    worker.send(WRITE)
    wait_until(lambda: all("99 " in text for text in texts()), what="a hundred words at each reader", timeout=40)
    worker.kill()
    whole = "".join(f"{number} " for number in range(100_000))
    assert all(whole.startswith(text) for text in texts())
    other.run("TextLease.objects.update(expires=0)")
    watching.append(clients(site.serve().url))  # whose server looks for dead writers at once
    watching[-1].subscribe("answers", {"shelf": shelf})
    wait_until(lambda: other.ask("Answer.objects.get().state") == "failed", what="a text that has failed", timeout=30)
    stored = json.loads(other.ask("__import__('json').dumps(list(Answer.objects.values_list('text', flat=True)))"))[0]
    assert whole.startswith(stored)
    wait_until(lambda: texts() == [stored] * 3, what="what is saved at each reader", timeout=30)
    report("a worker killed while it wrote a live text for two servers: an exact prefix everywhere, and it has failed")
