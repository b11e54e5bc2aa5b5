"""Rows that leave by time alone, on a real hub: they do when their stream has said so, with nobody writing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Min
from django.utils import timezone

from realtime import ModelStream
from realtime.testing import connect
from tests.support.streams import registered

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def timed():
    """The users who have logged in later than now, which ends for each of them."""

    class Timed(ModelStream):
        model = User
        fields = ["username"]
        allow_anonymous = True

        def authorize(self, user):
            return True

        def get_queryset(self):
            return User.objects.filter(last_login__gt=timezone.now()).order_by("username")

        def changes_at(self):
            return self.get_queryset().aggregate(Min("last_login"))["last_login__min"]

    with registered(timed=Timed):
        yield


async def test_row_leaves_when_its_time_has_come(timed):
    for name in ("ann", "bob", "eve"):
        await User.objects.acreate(username=name, last_login=timezone.now() + timedelta(hours=1))
    async with connect() as client:
        users = client.subscribe("timed")
        await client.wait_for(users, lambda rows: len(rows) == 3, within=30)
        now = timezone.now()
        for name, due in (("ann", 1), ("bob", 2)):
            await User.objects.filter(username=name).aupdate(last_login=now + timedelta(seconds=due))
        seen = []
        for left in (2, 1):
            await client.wait_for(users, lambda rows, left=left: len(rows) <= left, within=30)
            seen.append((timezone.now() - now) / timedelta(seconds=1))
    assert [row["username"] for row in users.rows] == ["eve"]
    assert [moment >= due for moment, due in zip(seen, (1, 2), strict=True)] == [True, True]
