"""Streams with actions that end their own process at the worst moment."""

import os
import signal
import time

from django.db import transaction

from realtime import action, event, register
from tests.oracle import specs
from tests.oracle.models import Item
from tests.oracle.streams import ItemStream


@register("faults.box")
class FaultyBox(ItemStream):
    """The items of a box, for everyone."""

    fields = [*ItemStream.fields, "shown"]  # as the oracle expects rows of items
    partition_by = ["box"]
    allow_anonymous = True
    presence = True

    def get_queryset(self, box: int):
        return specs.queryset(Item.objects.filter(box=box), '{"order": ["number", "title"]}')

    @action
    def add(self, user, title: str):
        Item.objects.create(box_id=self.params["box"], title=title)

    @event
    def wave(self, user, hand: str): ...

    @action
    def add_once(self, user, title: str):
        return Item.objects.create(box_id=self.params["box"], title=title).pk

    @action
    def add_after(self, user, title: str, file: str):
        """Wait for a file to be there before the item is."""
        while not os.path.exists(file):
            time.sleep(0.01)
        self.add(user, title)

    @action
    def add_and_die(self, user, title: str):
        """The process is killed when the transaction has been committed, before anyone is told."""
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        self.add(user, title)
