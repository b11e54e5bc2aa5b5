"""The two frames of the demo's front page."""

from __future__ import annotations

from playwright.sync_api import FrameLocator, Page, expect


class Both:
    """The frames of one front page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.mia, self.noah = (page.frame_locator(f'iframe[title^="{name}"]') for name in ("Mia", "Noah"))
        for frame in (self.mia, self.noah):
            expect(frame.locator("html")).to_have_attribute("data-realtime", "live")

    def titles(self, frame: FrameLocator) -> list[list[str]]:
        columns = ("todo", "doing", "done")
        return [frame.locator(f"[data-column={name}] .card-title").all_text_contents() for name in columns]
