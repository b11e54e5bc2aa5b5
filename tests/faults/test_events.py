"""Events over several server processes, through Redis."""

import pytest

from tests.support import services
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once


@pytest.mark.short
def test_events_reach_the_clients_of_every_process(make_site, clients, redis_url, report):
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}
    site = make_site()
    layer["CONFIG"] = {"hosts": [redis_url], "prefix": f"events-{site.name}"}
    site.settings["CHANNEL_LAYERS"] = {"default": layer}
    worker = site.worker()
    worker.run("import realtime; box = Box.objects.create(title='box')")
    place = {"box": worker.ask("box.pk")}
    servers = [site.serve() for _ in range(2)]
    watching = [clients(server.url) for server in servers for _ in range(2)]
    for client in watching:
        client.subscribe("faults.box", place)
    clients.wait_until_live()

    # events may be lost, also while a process joins its group: say it until all have heard it once
    def heard(name):
        return all(any(event["name"] == name for event in client.protocol.events) for client in watching)

    def told():
        worker.run(f"realtime.send_event('faults.box', {place}, 'imported', 3)")
        return heard("imported")

    wait_until(told, what="an event of another process to reach all", timeout=30)
    watching[0].tell(1, "wave", {"hand": "left"})
    others = watching[1:]
    wait_until(
        lambda: all([event for event in client.protocol.events if event["name"] == "wave"] for client in others),
        what="an event of a client to reach the clients of both servers",
    )
    waves = [[event for event in client.protocol.events if event["name"] == "wave"] for client in watching]
    assert [len(each) for each in waves] == [0, 1, 1, 1]
    assert waves[-1][0]["data"] == {"hand": "left"}
    report("2 servers and a worker with Redis between them, events of the worker and of a client to 4 clients")


def test_events_come_back_when_redis_does(make_site, clients, report):
    redis = services.start("redis")
    site = make_site()
    config = {"hosts": [redis.url], "prefix": "events"}
    site.settings["CHANNEL_LAYERS"] = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
    }
    worker = site.worker()
    worker.run("import realtime; box = Box.objects.create(title='box')")
    place = {"box": worker.ask("box.pk")}
    client = clients(site.serve().url)
    client.subscribe("faults.box", place)
    clients.wait_until_live()

    def told(number):
        worker.run(f"realtime.send_event('faults.box', {place}, 'n', {number})")
        return any(event["data"] == number for event in client.protocol.events)

    try:
        wait_until(lambda: told(1), what="an event", timeout=30)
        redis.kill()
        worker.run(f"for _ in range(20): realtime.send_event('faults.box', {place}, 'n', 2)")
        redis.start()
        wait_until(lambda: told(3), what="an event after the outage", timeout=60)
    finally:
        redis.remove()
    report("Redis killed and started again between a worker and a server: events of the outage lost, later ones came")
