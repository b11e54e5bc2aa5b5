"""Settings that are wrong: each is named in the server's log, and pages converge by polling."""

from tests.support.faults_scene import Scene
from tests.support.processes import free_port


def layer(backend: str, **config: object) -> dict[str, object]:
    return {"default": {"BACKEND": backend, "CONFIG": config}}


def test_wrong_channel_layers(make_site, clients, report):
    """Servers on one database, each with a layer that cannot work, and a writer in a process of its own."""
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    away = "Wake-ups by the channel layer are not available ("
    wrong = {
        "The channel layer cannot be made (InvalidChannelLayerError": layer("nowhere.Layer"),
        away: layer("channels_redis.pubsub.RedisPubSubChannelLayer", hosts=[nobody]),
        "Listening on TCP address": layer("channels.layers.InMemoryChannelLayer"),  # realtime.W002 names it
    }
    site = make_site()
    scene = Scene(site, clients)
    for setting in wrong.values():
        scene.watch(site.serve(CHANNEL_LAYERS=setting).url)
    scene.wait_until_equal()
    scene.worker.run("add(3); change('elsewhere')")
    scene.wait_until_equal()
    for server, text in zip(site.servers, wrong, strict=True):
        said = server.output().count(text)
        assert said == 1 or (site.backend == "postgresql" and said == 0), server.output()
    report("channel layers that do not exist, do not answer, or are in memory, a server each: all named, all polling")
