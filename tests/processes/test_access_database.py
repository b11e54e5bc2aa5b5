"""Users, sessions and memberships in one database, rows in another: access ends by the log of the first."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.support.project import CORE, Project

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="the project has its own databases")

FILES = {
    "shop/models.py": """
        from django.conf import settings
        from django.db import models

        class Item(models.Model):
            name = models.CharField(max_length=50)

        class Member(models.Model):
            user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    """,
    "shop/streams.py": """
        from realtime import ModelStream, register
        from shop.models import Item, Member

        @register("items")
        class Items(ModelStream):
            model = Item
            fields = ["name"]
            authorize_depends_on = ["shop.Member"]

            def authorize(self, user):
                return Member.objects.filter(user=user).exists()
    """,
    "router.py": """
        from django.conf import settings

        class Router:
            def db_for_read(self, model, **hints):
                return settings.ROWS if model.__name__ == "Item" else settings.USERS

            db_for_write = db_for_read

            def allow_migrate(self, db, app_label, model_name=None, **hints):
                return True
    """,
}
SCRIPT = """
import asyncio, subprocess, sys
from django.conf import settings
from django.contrib.auth.models import User
from realtime.auth.identity import Identity
from realtime.hub import hub
from shop.models import Item, Member
from tests.support.logins import new_session
from tests.support.wire import WireClient, until

hub.SWEEP_SECONDS = 3600.0  # access ends by the log alone
ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")
for user in (ann, bob):
    Member.objects.create(user=user)
Item.objects.create(name="seen")
ids = [Identity(str(user.pk), new_session(user)) for user in (ann, bob)]
code = "import django; django.setup(); from shop.models import *; from django.contrib.auth.models import User; "


async def elsewhere(write):
    "Write in another process, which wakes none of this one's logs."
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code + write], check=True)


async def main():
    found = []
    async with WireClient(ids[0]) as ann, WireClient(ids[1]) as bob:
        await ann.subscribe("items")
        await bob.subscribe("items")
        logs = {log.alias: log for log in hub.get_hub().logs}
        await logs[settings.USERS].started.wait()
        await elsewhere("Member.objects.filter(user__username='ann').delete()")
        await until(lambda: ann.refusals)
        await elsewhere("Item.objects.create(name='later')")
        await until(lambda: len(bob.rows()) == 2)
        found.append([[row["name"] for row in client.rows()] for client in (ann, bob)])
        await elsewhere("User.objects.filter(username='bob').update(is_active=False)")
        await until(lambda: bob.closed)
        found.append([sorted(logs), ann.refusals, bob.closed[0]])
    return found


answer = asyncio.run(main())
"""


@pytest.mark.parametrize(("users", "rows"), [("default", "other"), ("other", "default")])
def test_access_ends_though_all_rows_are_in_another_database(tmp_path, users, rows):
    """Nobody subscribes to rows of the users' database, whose log is polled all the same."""
    databases = {
        alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / f"{alias}.sqlite3")}
        for alias in ("default", "other")
    }
    project = Project(
        tmp_path,
        apps=[*CORE, "shop"],
        files=FILES,
        DATABASES=databases,
        DATABASE_ROUTERS=["router.Router"],
        USERS=users,
        ROWS=rows,
    )
    migrate = "call_command('migrate', database=alias, run_syncdb=True, verbosity=0)"
    call = "from django.core.management import call_command"
    project.python(f"{call}\nfor alias in ('default', 'other'):\n    {migrate}\nanswer = None")
    assert project.python(SCRIPT) == [
        [[], ["seen", "later"]],
        [["default", "other"], {"1": 4214}, 4101],
    ]
