"""The examples of the docs run as they stand."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core import signing
from prometheus_client import CollectorRegistry

from demo_project.board.models import Project, Task
from demo_project.chat.models import Membership, Room
from realtime.client import connect
from tests.support import passes
from tests.support.waiting import seconds

DOCS = Path(__file__).resolve().parents[2] / "docs"


def example(page: str) -> dict[str, Any]:
    """The names that the Python code of a page defines."""
    names: dict[str, Any] = {}
    with patch("prometheus_client.REGISTRY", CollectorRegistry()):  # where a collector may stand once
        for code in re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL):
            exec(compile(code, page, "exec"), names)
    return names


async def test_example_of_the_python_client(server, elsewhere, capsys):
    def prepare() -> int:
        project = Project.objects.create(name="one")
        project.members.add(User.objects.create_user("ann"))
        for title in ("Buy milk", "Mend the fence", "Sleep"):
            Task.objects.create(project=project, title=title, column="todo")
        return project.pk

    project = await elsewhere.soon(prepare)
    main = example("reference/python-client.md")["main"]
    async with asyncio.timeout(seconds(20)):
        rows = await main(server.url, passes.token("ann"), project)
    assert "Mend the fence" in capsys.readouterr().out
    assert len(rows) == 3
    assert await elsewhere.soon(Task.objects.filter(column="done").count) == 1


async def test_example_of_events_of_the_python_client(server, elsewhere, capsys):
    def prepare() -> tuple[int, int]:
        room, ann = Room.objects.create(name="one"), User.objects.create_user("ann")
        Membership.objects.create(room=room, user=ann)
        return room.pk, ann.pk

    room, ann = await elsewhere.soon(prepare)
    greet = example("reference/python-client.md")["greet"]
    async with asyncio.timeout(seconds(20)), connect(server.url, token=passes.token("ann")) as client:
        assert await greet(client, room) is True
        async with connect(server.url, token=passes.token("ann")) as other:
            messages = other.subscribe("messages", {"room": room})
            await messages.ready()
            messages.send("typing")
            while not (said := capsys.readouterr().out):  # noqa: ASYNC110 - what is printed calls nobody
                await asyncio.sleep(0.01)
    assert said == f"{ann} is typing\n"


@pytest.mark.django_db
def test_example_of_a_function_that_knows_tokens():
    authenticate = example("guides/token-authentication.md")["authenticate"]
    user = User.objects.create_user("ann")
    assert authenticate(signing.dumps([user.pk, 5.0], salt="mysite.tokens")) == (user, 5.0)
    assert authenticate("forged") is None
