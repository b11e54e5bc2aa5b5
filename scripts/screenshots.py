"""Takes the pictures of the docs from the demo: board, chat and dashboard, on a desktop and on a phone.

Run it from the root of the checkout, with `python -m scripts.screenshots`.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.support import chromium
from tests.support.demo import DemoServer, prepare
from tests.support.pages import Windows, open_live

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

PEOPLE = ("ada", "ben", "cleo")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "demo.sqlite3"
        prepare(database)
        server = DemoServer(database, log=Path(folder) / "log")
        server.start()
        try:
            take(server)
        finally:
            server.stop()


def take(server: DemoServer) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        for picture in (board, phone, chat, chat_phone, dashboard):
            windows = Windows(browser)
            name = picture.__name__.replace("_", "-")
            picture(windows, server).screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
            windows.close()
        browser.close()


def board(windows: Windows, server: DemoServer) -> Page:
    """All three are there, and ben edits a card."""
    pages = [open_live(windows.login(user, url=server.url, viewport=DESKTOP), "/board/1/") for user in PEOPLE]
    pages[1].get_by_text("Move the blog to the new templates").dblclick()
    expect(pages[0].locator(".person")).to_have_count(3)
    pages[0].wait_for_function("document.adoptedStyleSheets.some((sheet) => sheet.cssRules.length)")
    return pages[0]


def phone(windows: Windows, server: DemoServer) -> Page:
    return open_live(windows.login("ben", url=server.url, viewport=PHONE), "/board/1/")


def chat(windows: Windows, server: DemoServer) -> Page:
    """Cleo is typing in one room, and ben has written in another."""
    ada, ben, cleo = (windows.login(user, url=server.url, viewport=DESKTOP) for user in PEOPLE)
    for page, room in ((ada, 1), (ben, 2), (cleo, 1)):
        open_live(page, f"/chat/{room}/")
    ben.get_by_label("Message").fill("The numbers of today are in the report.")
    ben.get_by_role("button", name="Send").click()
    expect(ada.locator(".person")).to_have_count(2)
    expect(ada.locator(".unread")).to_have_text("1")
    cleo.get_by_label("Message").press_sequentially("Done")
    expect(ada.locator("#typing")).to_have_text("Cleo is typing…")
    return ada


def chat_phone(windows: Windows, server: DemoServer) -> Page:
    return open_live(windows.login("cleo", url=server.url, viewport=PHONE), "/chat/1/")


def dashboard(windows: Windows, server: DemoServer) -> Page:
    """Two minutes of work, which pass in a few seconds."""
    page = windows.login("ada", url=server.url, viewport={**DESKTOP, "height": 900})
    page.add_init_script(
        "const now = Date.now; let more = 0; window.later = (s) => (more += s); Date.now = () => now() + 1000 * more"
    )
    open_live(page, "/dashboard/")
    for user, number in (("ben", 1), ("cleo", 3)):
        open_live(windows.login(user, url=server.url), f"/board/{number}/")
    expect(page.locator(".visitor")).to_have_count(2)
    done = page.locator(".tile.is-good b")
    for step in range(9):
        page.evaluate("window.later(12)")
        before = done.text_content()
        code = "from demo_project.board.models import Task; t = Task.objects.filter(done=False).order_by('?').first();"
        code += "t.done = True; t.column = 'done'; t.save();"
        if step % 3 == 2:
            code += "Task.objects.bulk_create([Task(project_id=1, title='Next'), Task(project_id=3, title='Next')])"
        server.shell(code)
        expect(done).not_to_have_text(before or "")
    page.evaluate("window.later(6)")
    page.wait_for_timeout(1000)  # the bars glide
    return page


if __name__ == "__main__":
    main()
