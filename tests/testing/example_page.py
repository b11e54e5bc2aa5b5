"""The example of docs/guides/testing.md: a page in a browser, and a network that fails. Run by test_page.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from playwright.sync_api import Page, expect

from demo_project.board.models import Project, Task
from realtime.testing import FaultyNetwork, LiveServer
from tests.support import chromium
from tests.support.waiting import seconds


@pytest.fixture
def page() -> Iterator[Page]:
    """Where a project has pytest-playwright, it has this fixture."""
    expect.set_options(timeout=seconds(60) * 1000)
    program = chromium.find()
    assert program is not None
    with chromium.running(program) as browser, override_settings(ROOT_URLCONF="demo_project.urls"):
        yield browser.new_page()


def test_board_comes_back_with_all_that_it_missed(realtime_server: LiveServer, page: Page) -> None:
    ada = User.objects.create_user("ada")
    project = Project.objects.create(name="Test")
    project.members.add(ada)
    network = realtime_server.application = FaultyNetwork(realtime_server.application, delay=0.05)

    cookie = {"name": "sessionid", "value": realtime_server.session(ada), "url": realtime_server.url}
    page.context.add_cookies([cookie])
    page.goto(f"{realtime_server.url}/board/{project.pk}/")
    expect(page.locator("html[data-realtime=live]")).to_be_attached()

    network.refuse = 1  # nothing gets through ...
    network.disconnect()  # ... and what was open is gone
    expect(page.locator("html[data-realtime=offline]")).to_be_attached()
    Task.objects.create(project=project, title="Written meanwhile")

    network.refuse = 0
    expect(page.get_by_text("Written meanwhile")).to_be_visible()
