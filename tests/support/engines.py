"""The browser that the tests run in: Chromium, or the one that REALTIME_TEST_ENGINE names.

python -m tests.support.engines firefox

says whether there is one.
"""

from __future__ import annotations

import os
import sys

from tests.support import chromium, firefox, webkit_page

# Playwright drives the first two. WebKit runs the cases in tests/browser/cases, and a suite of its own.
ENGINES = {"chromium": chromium, "firefox": firefox, "webkit": webkit_page}

REMEDIES = {
    "chromium": "There is no Chromium: install it, or run `.venv/bin/playwright install chromium`.",
    "firefox": "There is no Firefox: install it (on Debian, the package firefox-esr).",
    "webkit": "There is no WebKit to be driven: install it (on Debian, the packages webkit2gtk-driver and xvfb).",
}


def wanted() -> str:
    name = os.environ.get("REALTIME_TEST_ENGINE", "chromium")
    assert name in ENGINES, f"REALTIME_TEST_ENGINE is {name!r}, which is none of {', '.join(ENGINES)}."
    return name


if __name__ == "__main__":
    name = sys.argv[1]
    found = ENGINES[name].find()
    print(f"{name}: {found or 'not found'}")
    sys.exit(found is None)
