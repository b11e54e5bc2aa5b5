"""The assistant in browsers: answers grow, in each tab, and survive reloads, a stop and a killed server."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from demo_project.assistant.language_model import TEXTS
from tests.support.pages import open_live

MARKED = "(answer) => { window.paragraph = answer; window.node = answer.firstChild }"
SAME = "(answer) => window.paragraph === answer && window.node === answer.firstChild"


def ask(page: Page, question: str) -> str:
    """Ask, and return the text that will be said."""
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask").click()
    return TEXTS[len(question) % len(TEXTS)]


def test_an_answer_grows_in_each_tab_until_it_is_whole(server, login) -> None:
    page = open_live(login("ada"), "/assistant/")
    second = open_live(page.context.new_page(), f"{server.url}/assistant/")
    text = ask(page, "abc")
    growing = page.locator(".is-streaming")
    expect(growing).to_contain_text(text[:10])
    growing.evaluate(MARKED)
    expect(growing).to_contain_text(text[:60])
    assert growing.evaluate(SAME), "the text node grew in place"
    expect(second.locator(".is-streaming")).to_contain_text(text[:60])
    page.reload()
    expect(growing).to_contain_text(text[:90])
    for each in (page, second):
        expect(each.locator(".answer strong").first).to_be_visible(timeout=30_000)
    assert server.query("SELECT text, state FROM assistant_answer") == [(text, "complete")]


def test_any_tab_stops_an_answer(server, login) -> None:
    page = open_live(login("ada"), "/assistant/")
    second = open_live(page.context.new_page(), f"{server.url}/assistant/")
    text = ask(page, "abcd")
    expect(page.locator(".is-streaming")).to_contain_text(text[:10])
    second.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    [(said, state)] = server.query("SELECT text, state FROM assistant_answer")
    assert (text.startswith(said), len(said) < len(text), state) == (True, True, "cancelled")


def test_an_answer_of_a_killed_server_is_a_prefix_and_has_failed(server, login) -> None:
    page = open_live(login("ada"), "/assistant/")
    text = ask(page, "abcde")
    expect(page.locator(".is-streaming")).to_contain_text(text[:60])
    server.kill()
    [(said, _)] = server.query("SELECT text, state FROM assistant_answer")
    assert text.startswith(said)
    server.start()
    server.shell("from realtime.models import TextLease; TextLease.objects.update(expires=0)")
    expect(page.get_by_text("The answer was interrupted.")).to_be_visible(timeout=30_000)
    assert server.query("SELECT text, state FROM assistant_answer") == [(said, "failed")]
