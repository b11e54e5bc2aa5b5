"""Unread messages of the demo's chat: counted at each room, on the dashboard too, and below a line in the room."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.support.demo import DemoServer
from tests.support.pages import open_live


def test_rooms_count_messages_until_they_are_seen(server: DemoServer, login: Callable[..., Page]) -> None:
    ada, dashboard = open_live(login("ada"), "/chat/1/"), open_live(login("ada"), "/dashboard/")
    ben = open_live(login("ben"), "/chat/2/")
    ben.get_by_label("Message", exact=True).fill("Hello")
    ben.get_by_role("button", name="Send").click()
    counts = [page.locator(".unread:not(:empty)") for page in (ada, dashboard)]
    for count in counts:
        expect(count).to_have_text("1")
    ada.get_by_role("link", name="Website relaunch 1 unread").click()
    expect(ada.locator(".message-row[data-live-unread]")).to_have_count(1)
    for count in counts:
        expect(count).to_have_count(0)
