"""Where the browser is: the system's Chromium, or the one that Playwright installed.

The headless shell comes first: the same engine, without the windows around it, which nobody sees and which take half
of the processor time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHELL = "chromium-headless-shell"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# No sandbox: as root, and in most containers, Chromium cannot make one. The rest keeps it from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Pages of one context share a process, as in any Chromium with many windows. Otherwise each new page starts two, one
# of them for the blank page before the first address, which takes a third of the processor time of a short test.
FEW_PROCESSES = "--renderer-process-limit=1"


@cache
def system(*programs: str) -> str | None:
    """The path of the first of these programs that is installed, and runs."""
    for program in programs:
        path = shutil.which(program)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


def of_playwright() -> str | None:
    """The path of the Chromium that `playwright install` brought."""
    from playwright.sync_api import sync_playwright  # loaded only when the system has none: it is slow

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def find() -> str | None:
    return system(SHELL) or whole()


def whole() -> str | None:
    """The path of a Chromium with what the shell lacks: windows, a back-forward cache, its rules for cookies."""
    return system(*PROGRAMS) or of_playwright()


@contextmanager
def running(program: str) -> Iterator[Browser]:
    """The program, started. Playwright runs an event loop in this thread until the end of the block."""
    from playwright.sync_api import sync_playwright  # here, because it takes longer to load than most tests to run

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, FEW_PROCESSES])
        yield browser
        browser.close()


if __name__ == "__main__":
    found = whole()
    print(f"Chromium: {found or 'not found'}, its headless shell: {system(SHELL) or 'not found'}")
    sys.exit(found is None)
