"""The tutorial and the README, followed to the letter in an environment with only the wheel, up to a live page."""

import pytest
from playwright.sync_api import expect

from tests.packaging.conftest import ROOT
from tests.support.pages import Windows, wait_for_state
from tests.support.reader import Reader, blocks

TUTORIAL = blocks(ROOT / "docs" / "start" / "tutorial.md")
README = blocks(ROOT / "README.md")
MAX_LINES = 21
INSTALLING = "python -m pip install django-live-queries"


@pytest.fixture
def reader(bare_python, tmp_path):
    reader = Reader(bare_python, tmp_path)
    yield reader
    reader.stop()


@pytest.mark.websocket  # the only transport of the tutorial's site
def test_the_tutorial_leads_to_a_live_page(reader: Reader, windows: Windows):
    commands = [command for block in TUTORIAL for command in block.commands]
    assert commands[:3] == ["python -m venv venv", ". venv/bin/activate", INSTALLING]
    create, update, delete = commands[-3:]
    for command in commands[3:5]:
        reader.follow(command)
    for block in TUTORIAL:
        if block.file:
            reader.paste(block)
    for command in commands[5:-3]:
        reader.follow(command)

    page = windows.open(windows.context(url=reader.url))
    page.goto("/")
    wait_for_state(page)
    rows = page.locator("ul li")
    reader.follow(create)
    expect(rows).to_have_text(["Written in a shell"])
    reader.follow(update)
    expect(rows).to_have_text(["Changed by update()"])

    reader.server.kill()
    reader.follow(delete)
    reader.server.start()
    expect(rows).to_have_count(0)


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
    lines = [line for block in page if block.file for line in block.text.splitlines()[1:] if line.strip()]

    assert len(lines) <= MAX_LINES
