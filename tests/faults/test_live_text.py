"""Live texts whose writer is killed: each reader has an exact prefix, and the text has failed."""

import json

import pytest

from tests.support.waiting import wait_until

WRITE = """
import itertools, realtime
with realtime.live_text(Answer.objects.get(), "text", state_field="state", save_seconds=0.05) as out:
    for number in itertools.count():
        out.write(f"{number} ")
        time.sleep(0.01)
"""


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
