"""axe-core: which rules for accessibility a page breaks, in both colour schemes, wide and narrow.

The short version looks at a wide page in light colours and a narrow one in dark colours; `make browsers`, which sets
REALTIME_TEST_ALL_LOOKS, looks at all four.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "browser" / "node_modules" / "axe-core" / "axe.min.js"
# Only what `say` shows: what passes, and how to find a node, takes a third of the time.
RUN = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    const {violations} = await axe.run(document, {runOnly: tags, resultTypes: ["violations"], selectors: false})
    const say = (id, {html, any}) => [id, html.slice(0, 150), any[0]?.message ?? ""]
    return violations.flatMap(({id, nodes}) => nodes.map((node) => say(id, node)))
}"""
WIDE, NARROW = (1280, 900), (320, 640)
LOOKS = [("light", WIDE), ("dark", NARROW)]
if os.environ.get("REALTIME_TEST_ALL_LOOKS"):
    LOOKS += [("light", NARROW), ("dark", WIDE)]
OWN = re.compile(r' value="[^"]*"|\d+|select2-[\w-]+')  # what differs between rows that are alike


class Fault(NamedTuple):
    look: str
    rule: str
    html: str
    message: str

    @property
    def kind(self) -> Fault:
        return self._replace(html=OWN.sub("", self.html))


def faults(page: Page) -> list[Fault]:
    page.evaluate(AXE.read_text() + "; undefined")
    found: list[Fault] = []
    for scheme, (width, height) in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.getAnimations().forEach((each) => each.cancel())")  # what fades in has less contrast
        found += [Fault(f"{scheme} {width}", *each) for each in page.evaluate(RUN)]
    return found


def without(found: Iterable[Fault], others: Iterable[Fault]) -> list[Fault]:
    """The faults of which the others, such as those of a page that is not ours, have none like them."""
    known = {other.kind for other in others}
    return [fault for fault in found if fault.kind not in known]
