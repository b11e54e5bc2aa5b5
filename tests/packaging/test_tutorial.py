"""The tutorial and the README, followed to the letter in an environment with only the wheel, up to a live page."""

import pytest
from playwright.sync_api import Page, expect

from tests.packaging.conftest import ROOT
from tests.support.pages import Windows, wait_for_state
from tests.support.reader import Block, Reader, blocks

TUTORIAL = blocks(ROOT / "docs" / "start" / "tutorial.md")
README = blocks(ROOT / "README.md")
LINES, PLUMBING = 12, 3
INSTALLING = "python -m pip install django-live-queries"


@pytest.fixture
def reader(bare_python, tmp_path):
    reader = Reader(bare_python, tmp_path)
    yield reader
    reader.stop()


def is_first(block: Block) -> bool:
    """Whether a block belongs to the first page, before its files are replaced."""
    return bool(block.file) and block.more != ": replace it"


def test_the_tutorial_leads_to_a_live_page(reader: Reader, windows: Windows):
    commands = [command for block in TUTORIAL for command in block.commands]
    assert commands[:3] == ["python -m venv venv", ". venv/bin/activate", INSTALLING]
    create, update, delete, *users = commands[-5:]
    for command in commands[3:6]:
        reader.follow(command)
    for block in TUTORIAL:
        if is_first(block):
            reader.paste(block)
    for command in commands[6:-5]:
        reader.follow(command)

    page = windows.open(windows.context(url=reader.url))
    page.goto("/")
    wait_for_state(page)
    rows = page.locator("ul li")
    expect(rows).to_have_text(["No notes yet."])
    reader.follow(create)
    expect(rows).to_have_text(["Written in a shell"])
    reader.follow(update)
    expect(rows).to_have_text(["Changed by update()"])

    reader.server.kill()
    reader.follow(delete)
    for block in TUTORIAL:
        if block.more == ": replace it":
            reader.paste(block)
    reader.server.start()
    expect(page.locator("ul li")).to_have_text([])  # who is not logged in sees nothing any more
    for command in users:
        reader.follow(command)
    ada, ben = (open_as(windows, reader, name) for name in ("ada", "ben"))
    for each in (ada, ben):
        expect(each.locator(".people li")).to_have_text(["ada", "ben"])
    ada.get_by_label("Text").fill("From ada")
    ada.get_by_role("button", name="Add").click()
    expect(ben.locator("ul:not(.people) li")).to_have_text(["From ada"])
    badge = "getComputedStyle(document.documentElement, '::after')"
    assert ben.evaluate(f"[{badge}.content, {badge}.backgroundColor]") == ['"live"', "rgb(31, 122, 79)"]


def open_as(windows: Windows, reader: Reader, name: str) -> Page:
    page = windows.open(windows.context(url=reader.url))
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(name)
    page.get_by_role("button", name="Log in").click()
    page.goto("/")
    wait_for_state(page)
    return page


@pytest.mark.websocket
def test_the_readme_leads_to_a_live_page_from_top_to_bottom(reader: Reader, windows: Windows):
    (install, *commands), (write,) = (
        [command for block in README[:-1] for command in block.commands],
        README[-1].commands,
    )
    assert install == INSTALLING
    for block in README[1:-1]:
        for command in block.commands:
            reader.follow(command)
        if block.file:
            reader.paste(block)
    assert commands[-1] == "python manage.py runserver"

    page = windows.open(windows.context(url=reader.url))
    page.goto("/")
    wait_for_state(page)
    reader.follow(write)
    expect(page.locator("ul li")).to_have_text(["Written in a shell"])


@pytest.mark.parametrize("page", [TUTORIAL, README], ids=["tutorial", "README"])
def test_it_asks_for_few_lines(page):
    first = [block for block in page if is_first(block)]
    lines = {block.file: [line for line in block.text.splitlines()[1:] if line.strip()] for block in first}
    plumbing = [line for name in ("mysite/settings.py", "mysite/urls.py") for line in lines[name]]

    assert (sum(map(len, lines.values())), len(plumbing)) == (LINES, PLUMBING)
