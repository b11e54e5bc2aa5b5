"""Where Firefox is, and Playwright on it, over WebDriver BiDi."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.support import firefox_relay

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("firefox-esr", "firefox")

# Firefox is not to call home, and keeps pages in its back-forward cache as it does for everybody.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "fission.webContentIsolationStrategy": 0,
    "focusmanager.testmode": True,  # each window counts as the one that the user is in
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.manage-offline-status": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


def find() -> str | None:
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)


@contextmanager
def running(program: str) -> Iterator[Browser]:
    """The program, started. Playwright runs an event loop in this thread until the end of the block."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as directory, sync_playwright() as playwright:
        relay = Path(directory) / "firefox"
        # -P: the modules beside the relay bear names of the standard library's
        relay.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{firefox_relay.__file__}" "$@"\n')
        relay.chmod(0o700)
        browser = playwright.firefox.launch(
            channel="moz-firefox",
            executable_path=relay,
            firefox_user_prefs=PREFERENCES,
            env={**os.environ, "REALTIME_TEST_FIREFOX": program},
        )
        yield browser
        browser.close()
