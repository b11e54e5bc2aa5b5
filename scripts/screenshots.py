"""Takes the pictures of the docs from the demo: the board on a desktop, and on a phone.

Run it from the root of the checkout, with `python -m scripts.screenshots`.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support import chromium
from tests.support.demo import DemoServer, prepare
from tests.support.pages import Windows, open_live

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "demo.sqlite3"
        prepare(database)
        server = DemoServer(database, log=Path(folder) / "log")
        server.start()
        try:
            take(server.url)
        finally:
            server.stop()


def take(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        windows = Windows(browser)
        for name, user, viewport in (("board", "ada", DESKTOP), ("phone", "ben", PHONE)):
            page = open_live(windows.login(user, url=url, viewport=viewport), "/board/1/")
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
        windows.close()
        browser.close()


if __name__ == "__main__":
    main()
