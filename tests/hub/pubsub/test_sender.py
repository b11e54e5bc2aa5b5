"""The relay: what this process has to say to others goes out in one thread, and holds nobody up."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading

import pytest
from channels.layers import BaseChannelLayer, channel_layers

from realtime.hub.pubsub import sender
from tests.support.waiting import seconds


class NotingLayer(BaseChannelLayer):
    """Notes what is sent to groups, once `open` is set; fails while `broken` is."""

    noted: list[tuple[str, object]] = []
    open = threading.Event()
    broken = False

    async def group_send(self, group: str, message: dict) -> None:
        if not self.open.is_set():
            await asyncio.to_thread(self.open.wait, seconds(10))
        if self.broken:
            raise OSError("nobody there")
        self.noted.append((group, message["body"]))


@pytest.fixture
def layer(settings, monkeypatch):
    monkeypatch.setattr(sender, "SEND_SECONDS", 60.0)  # a thousand messages may take longer on a busy machine
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.NotingLayer"}}
    channel_layers.backends.clear()
    NotingLayer.noted, NotingLayer.broken = [], False
    NotingLayer.open.clear()
    sender.send("first", {"body": "keeps the thread busy"})
    yield NotingLayer
    NotingLayer.open.set()
    assert sender.flush(seconds(10))
    channel_layers.backends.clear()


def sent(layer) -> list[tuple[str, object]]:
    """What goes out behind the first message."""
    layer.open.set()
    assert sender.flush(seconds(10))
    return layer.noted[1:]


def busy() -> bool:
    layer = sender._senders.get(sender.ChannelLayerCarrier)
    return layer is not None and not layer._messages


def until_busy() -> None:
    while not busy():
        threading.Event().wait(0.001)


def test_messages_go_out_in_their_order_and_a_burst_of_hints_once_before_them(layer):
    until_busy()
    for number in range(3):
        sender.send("talk", {"body": number})
        sender.hint("log", {"body": "wake up"})
    assert sent(layer) == [("log", "wake up"), ("talk", 0), ("talk", 1), ("talk", 2)]


def test_the_oldest_messages_are_lost_where_too_many_wait_and_no_hint_is(layer):
    until_busy()
    sender.hint("log", {"body": "wake up"})
    for number in range(sender.MAX_WAITING + 2):
        sender.send("talk", {"body": number})
    found = sent(layer)
    assert (found[0], found[1], len(found)) == (("log", "wake up"), ("talk", 2), sender.MAX_WAITING + 1)


def test_a_layer_that_fails_is_named_once_and_so_is_its_return(layer, caplog):
    until_busy()
    layer.broken = True
    with caplog.at_level(logging.WARNING, "realtime"):
        layer.open.set()
        for number in range(3):
            sender.send("talk", {"body": number})
            assert sender.flush(seconds(10))
        layer.broken = False
        sender.send("talk", {"body": "there"})
        assert sender.flush(seconds(10))
    assert layer.noted == [("talk", "there")]
    gone, back = [record.getMessage() for record in caplog.records]
    assert gone == (
        "The channel layer is gone (OSError: nobody there): "
        "events reach this process alone, others find changes by polling."
    )
    assert back == "The channel layer is back: changes and events reach other processes again."


SCRIPT = """
import asyncio
from channels.layers import BaseChannelLayer
from django.conf import settings

class Looking(BaseChannelLayer):
    async def group_send(self, group, message):
        await asyncio.sleep(0.2)  # the script has come to its end meanwhile
        await asyncio.get_running_loop().getaddrinfo("localhost", 1)  # in a thread of the loop's pool
        print(group, message["body"], flush=True)

settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": "__main__.Looking"}})
from realtime.hub.pubsub import sender
sender.EXIT_SECONDS = 30.0
sender.send("first", {"body": "one"})
sender.send("last", {"body": "two"})
"""


def test_last_message_of_a_script_goes_out_though_the_layer_needs_a_thread():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.split("\n"), done.stderr) == (["first one", "last two", ""], "")


LATE = """
import asyncio, atexit, os, sys, threading, time
from channels.layers import BaseChannelLayer
from django.conf import settings

class Plain(BaseChannelLayer):
    async def group_send(self, group, message):
        print(message["body"], flush=True)

settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": "__main__.Plain"}})
from realtime.hub.pubsub import sender
sender.EXIT_SECONDS = 30.0

def late():
    time.sleep(0.5)
    sender.send("group", {"body": "by a thread"})

if "early" in sys.argv:
    sender.send("group", {"body": "early"})
    threading.Thread(target=late).start()
atexit.register(sender.send, "group", {"body": "by atexit"})
"""


def test_what_is_said_after_the_main_thread_has_ended_goes_out_too():
    done = subprocess.run(
        [sys.executable, "-c", LATE, "early"], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout.split("\n"), done.stderr) == (["early", "by a thread", "by atexit", ""], "")


def test_first_word_at_the_very_end_is_lost_without_an_error():
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_forked_process_does_not_wait_for_what_its_parent_says(layer):
    until_busy()
    sender.send("second", {"body": "waits"})
    if (pid := os.fork()) == 0:
        os._exit(0 if sender.flush(0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sent(layer) == [("second", "waits")]
