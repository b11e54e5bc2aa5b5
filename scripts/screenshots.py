"""Takes the screenshots of the docs: the demo's pages and the admin, on a desktop and on a phone.

Run it from the root of the checkout, with `python -m scripts.screenshots`. Arguments are names of screenshots to take.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, expect, sync_playwright

from scripts.recording import Recording
from tests.support import chromium
from tests.support.demo import DemoServer, prepare
from tests.support.pages import Windows, open_live, wait_for_state

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
HALF = {"width": 400, "height": 690}  # one window of the animated image

PEOPLE = ("ada", "ben", "cleo")


def main(names: Sequence[str] = ()) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "demo.sqlite3"
        prepare(database)
        server = DemoServer(database, log=Path(folder) / "log")
        server.start()
        try:
            take(server, names)
        finally:
            server.stop()


def take(server: DemoServer, names: Sequence[str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        if not names or "two-browsers" in names:
            two_browsers(playwright, server)
        for picture in (
            showcase,
            board,
            phone,
            chat,
            chat_phone,
            dashboard,
            admin_list,
            admin_list_phone,
            admin_form,
            admin_form_phone,
            status,
            status_phone,
        ):
            name = picture.__name__.replace("_", "-")
            if names and name not in names:
                continue
            windows = Windows(browser)
            picture(windows, server).screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
            windows.close()
        browser.close()


def two_browsers(playwright: Playwright, server: DemoServer) -> None:
    """Record two browsers with one board. One loses its network while both users work; both end with the same rows."""
    browsers = [
        playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS)) for _ in range(2)
    ]
    ada, ben = (
        open_live(
            Windows(browser).login(user, url=server.url, viewport=HALF, device_scale_factor=2),
            "/board/1/",
        )
        for browser, user in zip(browsers, PEOPLE, strict=False)
    )
    recording = Recording({"Ada's browser": ada, "Ben's browser": ben})
    first = "Write the redirect list for old URLs"
    recording.scene("Two browsers show the same rows.", seconds=1.6)

    ada.get_by_label(f"Done: {first}", exact=True).check()
    expect(ben.get_by_label(f"Done: {first}", exact=True)).to_be_checked()
    recording.scene("Ada finishes a task. Ben sees it at once.", seconds=2)

    ben.context.set_offline(True)
    wait_for_state(ben, "offline")
    recording.cut = "Ben's browser"
    recording.scene("Ben loses the network.", seconds=1.6)

    server.shell(
        "from demo_project.board.models import Task;"
        "Task.objects.filter(title__startswith='Photograph').delete();"
        "Task.objects.filter(title__startswith='Agree').update(title='Legal approved the cookie banner', done=True);"
        "Task.objects.filter(title__startswith='Translate').update(position=0)"
    )
    expect(ada.get_by_text("Legal approved the cookie banner")).to_be_visible()
    recording.scene("A script changes three rows: Ada sees them, Ben does not.", seconds=2.4)

    ben.get_by_label("Done: Compress hero images below 120 kB", exact=True).check()
    recording.scene("Ben works on without a network.", seconds=2)

    ben.context.set_offline(False)
    recording.cut = ""
    recording.scene("The network is back.", seconds=0.8)
    wait_for_state(ben, "live")
    expect(ada.get_by_label("Done: Compress hero images below 120 kB", exact=True)).to_be_checked()
    cards = [[title.text_content() for title in page.locator(".card-title").all()] for page in (ada, ben)]
    assert cards[0] == cards[1], "The two browsers differ."
    recording.scene("Nothing was lost: both browsers show the same rows again.", seconds=3)

    recording.save(IMAGES / "two-browsers.webp")
    print("docs/images/two-browsers.webp")
    for browser in browsers:
        browser.close()


def showcase(windows: Windows, server: DemoServer) -> Page:
    """Take the front page after one guest has lost the network, while both work."""
    page = windows.open(windows.context(url=server.url, viewport={"width": 1280, "height": 720}))
    page.goto("/")
    mia, noah = (page.frame_locator(f'iframe[title^="{name}"]') for name in ("Mia", "Noah"))
    for frame in (mia, noah):
        expect(frame.locator("html")).to_have_attribute("data-realtime", "live")
        expect(frame.locator(".person .avatar")).to_have_count(2)
    noah.get_by_role("switch").click()
    noah.get_by_label("Done: Print posters").check()
    mia.get_by_label("New task in Doing").fill("Buy balloons")
    mia.get_by_label("New task in Doing").press("Enter")
    mia.get_by_label("Done: Make a playlist").check()
    expect(mia.locator(".progress")).to_contain_text("3 of 9 done")
    expect(noah.locator("#waiting")).to_contain_text("1 change waits")
    page.wait_for_timeout(1000)  # a changed card is highlighted for a second
    return page


def board(windows: Windows, server: DemoServer) -> Page:
    """Take the board with all three users present, while ben edits a card."""
    pages = [open_live(windows.login(user, url=server.url, viewport=DESKTOP), "/board/1/") for user in PEOPLE]
    pages[1].get_by_text("Move the blog to the new templates").dblclick()
    expect(pages[0].locator(".person")).to_have_count(3)
    pages[0].wait_for_function("document.adoptedStyleSheets.some((sheet) => sheet.cssRules.length)")
    return pages[0]


def phone(windows: Windows, server: DemoServer) -> Page:
    return open_live(windows.login("ben", url=server.url, viewport=PHONE), "/board/1/")


def chat(windows: Windows, server: DemoServer) -> Page:
    """Take the chat while cleo is typing in one room, after ben has written in another."""
    ada, ben, cleo = (windows.login(user, url=server.url, viewport=DESKTOP) for user in PEOPLE)
    for page, room in ((ada, 1), (ben, 2), (cleo, 1)):
        open_live(page, f"/chat/{room}/")
    ben.get_by_label("Message", exact=True).fill("The numbers of today are in the report.")
    ben.get_by_role("button", name="Send").click()
    expect(ada.locator(".person")).to_have_count(2)
    expect(ada.locator(".unread:not(:empty)")).to_have_text("1")
    cleo.get_by_label("Message", exact=True).press_sequentially("Done")
    expect(ada.locator("#typing")).to_have_text("Cleo is typing…")
    return ada


def chat_phone(windows: Windows, server: DemoServer) -> Page:
    return open_live(windows.login("cleo", url=server.url, viewport=PHONE), "/chat/1/")


def dashboard(windows: Windows, server: DemoServer) -> Page:
    """Take the dashboard after two minutes of work, simulated in a few seconds."""
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
        code = (
            "from demo_project.board.models import Task; mine = Task.objects.filter(project__members__username='ada');"
        )
        code += "t = mine.filter(done=False).order_by('?').first();"
        code += "t.done = True; t.column = 'done'; t.save();"
        if step % 3 == 2:
            code += "Task.objects.bulk_create([Task(project_id=1, title='Next'), Task(project_id=3, title='Next')])"
        server.shell(code)
        expect(done).not_to_have_text(before or "")
    page.evaluate("window.later(6)")
    page.wait_for_timeout(1000)  # the bars are animated
    return page


def admin_list(windows: Windows, server: DemoServer, **options: Any) -> Page:
    """Take the change list after other users have added a task and finished one, while ada selects rows."""
    page = windows.login("ada", url=server.url, **{"viewport": DESKTOP, **options})
    page.goto("/admin/board/task/?project__id__exact=1&o=1")
    expect(page.locator(".realtime-line")).to_have_attribute("data-state", "live")
    page.locator(".action-select").nth(1).check()
    code = "from demo_project.board.models import Task; tasks = Task.objects.filter(project=1);"
    code += (
        "tasks.filter(title__startswith='Ask').delete(); tasks.filter(title__startswith='Build').update(done=True);"
    )
    server.shell(code + "Task.objects.create(project_id=1, title='Ask Ben for a second opinion')")
    expect(page.get_by_role("status")).to_contain_text("1 added")
    page.wait_for_timeout(300)  # the new row is highlighted for a second
    return page


def admin_list_phone(windows: Windows, server: DemoServer) -> Page:
    return admin_list(windows, server, viewport=PHONE, color_scheme="dark")


def admin_form(windows: Windows, server: DemoServer, **options: Any) -> Page:
    """Take the change form of a task that ben edits too, after it was changed."""
    make = "from django.contrib.auth.models import User; User.objects.filter(username='ben').update("
    server.shell(make + "is_staff=True, is_superuser=True)")
    ada, ben = (windows.login(user, url=server.url, **{"viewport": DESKTOP, **options}) for user in ("ada", "ben"))
    for page in (ada, ben):
        open_live(page, "/admin/board/task/8/change/")
    ben.get_by_label("Title").press_sequentially("Now: ")
    code = "from demo_project.board.models import Task; task = Task.objects.get(pk=8);"
    server.shell(code + "task.column = 'doing' if task.column == 'todo' else 'todo'; task.save()")
    expect(ada.locator(".realtime-warning")).to_contain_text("Column")
    expect(ada.locator(".realtime-people")).to_contain_text("editing")
    return ada


def admin_form_phone(windows: Windows, server: DemoServer) -> Page:
    return admin_form(windows, server, viewport=PHONE, color_scheme="dark")


def status(windows: Windows, server: DemoServer, **options: Any) -> Page:
    """Take the status page while users have pages open."""
    for user, path in (("ben", "/board/1/"), ("cleo", "/chat/1/"), ("ada", "/dashboard/")):
        open_live(windows.login(user, url=server.url), path)
    page = windows.login("ada", url=server.url, **{"viewport": DESKTOP, **options})
    page.goto("/admin/realtime/process/")
    expect(page.locator(".realtime-numbers dd").nth(1)).to_have_text("3", timeout=20_000)  # the page refreshes itself
    return page


def status_phone(windows: Windows, server: DemoServer) -> Page:
    return status(windows, server, viewport=PHONE, color_scheme="dark")


if __name__ == "__main__":
    main(sys.argv[1:])
