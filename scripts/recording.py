"""Recording: two browser windows side by side, as an animated image."""

import io
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page

SCALE = 2
GAP = 16 * SCALE
HEAD = 34 * SCALE  # the title bar of a window
CAPTION = 44 * SCALE
INTERVAL_SECONDS = 0.12
BACKGROUND, BAR, TEXT, SOFT = "#1b1e27", "#353a49", "#e8eaf1", "#a2a9bc"
ONLINE, OFFLINE = "#52c993", "#ff7d85"


class Recording:
    """Frames of both windows, each with the caption of its scene. Equal consecutive frames are merged."""

    def __init__(self, windows: dict[str, Page]) -> None:
        self._windows = windows
        self._frames: list[Image.Image] = []
        self._milliseconds: list[int] = []
        self.cut: str = ""  # the window whose network is cut

    def scene(self, caption: str, *, seconds: float) -> None:
        """Record both windows for some seconds. A slow machine takes fewer frames."""
        shots: list[tuple[Image.Image, float]] = []
        start = time.monotonic()
        while not shots or time.monotonic() - start < seconds:
            began = time.monotonic()
            frame = self._frame(caption)
            time.sleep(max(0, began + INTERVAL_SECONDS - time.monotonic()))
            shots.append((frame, time.monotonic() - began))
        scale = 1000 * seconds / sum(lasted for _, lasted in shots)
        for frame, lasted in shots:
            if self._frames and frame.tobytes() == self._frames[-1].tobytes():
                self._milliseconds[-1] += round(lasted * scale)
            else:
                self._frames.append(frame)
                self._milliseconds.append(round(lasted * scale))

    def save(self, path: Path) -> None:
        first, *rest = self._frames
        first.save(
            path, append_images=rest, duration=self._milliseconds, loop=0, save_all=True, quality=72, method=6,
            minimize_size=True,
        )  # fmt: skip

    def _frame(self, caption: str) -> Image.Image:
        shots = {
            name: Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
            for name, page in self._windows.items()
        }
        width = sum(shot.width for shot in shots.values()) + GAP * (len(shots) + 1)
        height = max(shot.height for shot in shots.values()) + HEAD + GAP + CAPTION
        frame = Image.new("RGB", (width, height), BACKGROUND)
        draw = ImageDraw.Draw(frame)
        draw.text((width // 2, CAPTION // 2), caption, TEXT, font=_font(17), anchor="mm")
        left = GAP
        for name, shot in shots.items():
            draw.rounded_rectangle((left, CAPTION, left + shot.width, CAPTION + 2 * HEAD), 8 * SCALE, fill=BAR)
            middle = CAPTION + HEAD // 2
            draw.text((left + 14 * SCALE, middle), name, TEXT, font=_font(14), anchor="lm")
            online = name != self.cut
            text, colour = ("network up", ONLINE) if online else ("network cut", OFFLINE)
            right = left + shot.width - 14 * SCALE
            draw.text((right, middle), text, SOFT if online else OFFLINE, font=_font(13), anchor="rm")
            dot = right - round(draw.textlength(text, font=_font(13))) - 12 * SCALE
            draw.ellipse((dot - 4 * SCALE, middle - 4 * SCALE, dot + 4 * SCALE, middle + 4 * SCALE), fill=colour)
            frame.paste(shot, (left, CAPTION + HEAD))
            left += shot.width + GAP
        return frame


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)
