"""A log that cannot be read: clients are told that they may be behind, and are brought up to date when it can."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from realtime.auth.identity import Identity
from realtime.queries.tail import Tail
from tests.models import Book, Shelf
from tests.support.wire import WireClient, until

pytestmark = [pytest.mark.django_db(transaction=True)]


async def test_clients_hear_that_they_may_be_behind_and_then_what_they_missed(django_user_model, monkeypatch, caplog):
    user = await django_user_model.objects.acreate_user("ann")
    shelf = await Shelf.objects.acreate(name="one")
    read = Tail._read
    away = [False]

    def fail(self, *args):
        if away[0]:
            raise OperationalError("the database is away")
        return read(self, *args)

    monkeypatch.setattr(Tail, "_read", fail)
    async with WireClient(Identity(str(user.pk))) as concerned, WireClient(Identity(str(user.pk))) as other:
        await concerned.subscribe("books", shelf=shelf.pk)
        await other.subscribe("books", shelf=shelf.pk + 1)

        away[0] = True
        await Book.objects.acreate(title="missed", shelf=shelf)
        await until(lambda: concerned.protocol.behind and other.protocol.behind)
        assert [message["type"] for message in other.received].count("behind") == 1

        away[0] = False
        await until(lambda: concerned.titles() == ["missed"] and not concerned.protocol.behind)
        await until(lambda: not other.protocol.behind)
        assert other.received[-1]["deltas"] == []
    assert "the database is away" in caplog.text
